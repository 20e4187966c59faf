import { sqsClient, sqsSender } from '../lib/adapters/sqs/index.ts';
import type { FunctionEnvironment } from './environment.ts';

/** Sends messages to the queue of tasks, whose URL the environment must have. */
export function taskSender({
  region,
  taskQueueUrl,
}: FunctionEnvironment): (messages: readonly string[]) => Promise<void> {
  if (taskQueueUrl === undefined) throw new Error('MILLRACE_TASK_QUEUE_URL is not set');
  return sqsSender({ client: sqsClient({ region }), queueUrl: taskQueueUrl });
}
