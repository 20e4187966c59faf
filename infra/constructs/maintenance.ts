import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
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
}

/** Tasks that one call of a worker takes, one after another: they share its start. */
const TASKS_PER_CALL = 5;

/** The schedule asks the planner, the planner sends tasks, the queue calls the workers. */
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
