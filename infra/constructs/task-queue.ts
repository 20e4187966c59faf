import { Duration } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface TaskQueueProps {
  /** How long the function that takes a task may run. */
  readonly workerSeconds: number;
}

/** A task that was received this often without being done is a dead letter. */
const RECEIVES_MAX = 3;
/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times the function's time-out. */
const VISIBILITY_FACTOR = 6;

/** Tasks on their way from the planner to the workers, and those that nobody could do. */
export class TaskQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { workerSeconds }: TaskQueueProps) {
    super(scope, id);
    const safe = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...safe, retentionPeriod: Duration.days(14) });
    this.queue = new Queue(this, 'Queue', {
      ...safe,
      visibilityTimeout: Duration.seconds(VISIBILITY_FACTOR * workerSeconds),
      // What was not done in a day has been planned again many times.
      retentionPeriod: Duration.days(1),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: RECEIVES_MAX },
    });
  }

  /** Less than `Queue.grantSendMessages`: only what the sender calls. */
  grantSend(grantee: IGrantable): void {
    const resourceArns = [this.queue.queueArn];
    Grant.addToPrincipal({ grantee, actions: ['sqs:SendMessage'], resourceArns }).assertSuccess();
  }
}
