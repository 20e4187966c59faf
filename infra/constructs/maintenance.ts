import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import type { TaskQueue } from './task-queue.ts';

export interface MaintenanceProps {
  readonly tasks: TaskQueue;
  readonly planner: IFunction;
  readonly planMinutes: number;
  readonly worker: IFunction;
  /** How many workers may run at once. At least 2, which is Lambda's least. */
  readonly workersMax: number;
  readonly sweeper: IFunction;
}

/** Tasks that one call of a worker takes, one after another: they share its start. */
const TASKS_PER_CALL = 5;

const SWEEPS = [
  ['Sweep', 'sweep', Duration.days(1)],
  ['RemoveTopics', 'remove-topics', Duration.hours(1)],
] as const;

/** One schedule asks the planner, which sends tasks to the queue, which calls the workers; two ask the sweeper. */
export class Maintenance extends Construct {
  constructor(scope: Construct, id: string, props: MaintenanceProps) {
    super(scope, id);
    const { tasks, planner, worker } = props;
    new Rule(this, 'Plan', {
      description: 'Millrace: which partitions need maintenance now',
      schedule: Schedule.rate(Duration.minutes(props.planMinutes)),
      // The next plan looks at everything again: one that could not be started in time is not missed.
      targets: [new LambdaFunction(planner, { retryAttempts: 2, maxEventAge: Duration.minutes(5) })],
    });
    tasks.grantSend(planner);
    // Two rules, because a sweep lists the whole bucket, and the remains of a deleted topic should not wait for a day.
    for (const [ruleId, job, every] of SWEEPS) {
      new Rule(this, ruleId, {
        description: `Millrace: ${job}`,
        schedule: Schedule.rate(every),
        targets: [
          new LambdaFunction(props.sweeper, {
            event: RuleTargetInput.fromObject({ job }),
            retryAttempts: 2,
            maxEventAge: Duration.minutes(30),
          }),
        ],
      });
    }
    // A worker sends on what it could not finish.
    tasks.grantSend(worker);
    worker.addEventSource(
      new SqsEventSource(tasks.queue, {
        batchSize: TASKS_PER_CALL,
        maxConcurrency: props.workersMax,
        reportBatchItemFailures: true,
      }),
    );
  }
}
