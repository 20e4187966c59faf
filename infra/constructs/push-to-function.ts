import { createHash } from 'node:crypto';
import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { PushSettings } from '../../lib/push/push-settings.ts';
import { EngineFunction } from './engine-function.ts';
import type { LogStorage } from './log-storage.ts';

export interface PushToFunctionProps {
  readonly settings: PushSettings;
  readonly storage: LogStorage;
  readonly architecture: Architecture;
  /** The share of requests that leave a line in the log. @default 0.01 */
  readonly logSampleRate?: number;
}

/** Calls that are under way when a run ends are waited for: Lambda's most. */
const RUNNER_SECONDS = 900;

/**
 * Pushes a group's partitions to one Lambda function: a runner on a schedule, and a queue for the records that were
 * given up. The function that is called may be anybody's in this region; it needs no rights, and nothing is changed in it.
 */
export class PushToFunction extends Construct {
  readonly deadLetters: Queue;
  readonly runner: EngineFunction['lambda'];

  constructor(scope: Construct, id: string, props: PushToFunctionProps) {
    super(scope, id);
    const { settings, storage, architecture, logSampleRate } = props;
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    const { lambda } = new EngineFunction(this, 'Runner', {
      name: 'pusher',
      description: `Millrace: pushes to a function for group ${settings.group}`.slice(0, 256),
      storage,
      architecture,
      timeoutSeconds: RUNNER_SECONDS,
      // Traces cost $5 a million, and most calls find nothing.
      isTraced: false,
      environment: {
        MILLRACE_PUSH: JSON.stringify([settings]),
        MILLRACE_PUSH_DEAD_LETTERS_URL: this.deadLetters.queueUrl,
      },
      ...(logSampleRate === undefined ? {} : { logSampleRate }),
    });
    this.runner = lambda;
    for (const [action, arn] of [
      ['lambda:InvokeFunction', settings.functionArn],
      ['sqs:SendMessage', this.deadLetters.queueArn],
    ] as const) {
      Grant.addToPrincipal({ grantee: lambda, actions: [action], resourceArns: [arn] }).assertSuccess();
    }
    new Rule(this, 'Schedule', {
      description: 'Millrace: whether there is something to be pushed',
      schedule: Schedule.rate(Duration.minutes(1)),
      // The next run does what one that could not be started would have done.
      targets: [new LambdaFunction(lambda, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
    });
  }
}

/** The same for the same group, whatever stands before or behind it: another id would be another, empty queue. */
export function pushId(group: string): string {
  const letters = group.replace(/[^A-Za-z0-9]/g, '').slice(0, 32);
  return `Push${letters}${createHash('sha256').update(group).digest('hex').slice(0, 8)}`;
}
