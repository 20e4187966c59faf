import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

export interface SqsSenderOptions {
  /** From `sqsClient`, or anything that sends like it. */
  readonly client: { readonly send: (command: SendMessageCommand) => Promise<unknown> };
  readonly queueUrl: string;
}

const SENDS_AT_ONCE = 16;

/** A message may arrive twice, so that the SDK's own retries do no harm. */
export function sqsClient({ region }: { readonly region: string }): SQSClient {
  // The queue's URL names a host that an emulator's callers cannot resolve; the client knows where to go.
  return new SQSClient({ region, useQueueUrlAsEndpoint: false });
}

/**
 * Sends every message at least once, in any order; each is at most some KB long. Throws the first error if any could not
 * be sent, once all have been tried.
 */
export function sqsSender({
  client,
  queueUrl,
}: SqsSenderOptions): (messages: readonly string[]) => Promise<void> {
  return async (messages) => {
    const errors: unknown[] = [];
    let next = 0;
    const sender = async (): Promise<void> => {
      for (;;) {
        const MessageBody = messages[next];
        if (MessageBody === undefined) return;
        next += 1;
        await client
          .send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))
          .catch((error: unknown) => errors.push(error));
      }
    };
    await Promise.all(Array.from({ length: Math.min(SENDS_AT_ONCE, messages.length) }, sender));
    if (errors.length > 0) throw errors[0];
  };
}
