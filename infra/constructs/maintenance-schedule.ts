import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Function as LambdaFn } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

export interface MaintenanceScheduleProps {
  readonly maintenance: LambdaFn;
}

/**
 * Runs maintenance every hour, and raises an alarm when it has failed for a quarter of a day: hot items expire after a
 * day at the earliest, and only what is sealed may expire.
 */
export class MaintenanceSchedule extends Construct {
  constructor(scope: Construct, id: string, { maintenance }: MaintenanceScheduleProps) {
    super(scope, id);
    new Rule(this, 'Hourly', {
      schedule: Schedule.rate(Duration.hours(1)),
      targets: [new LambdaFunction(maintenance, { retryAttempts: 2, maxEventAge: Duration.minutes(30) })],
    });
    new Alarm(this, 'Failing', {
      alarmDescription: 'Millrace maintenance fails: data must be sealed before it expires',
      metric: maintenance.metricErrors({ period: Duration.hours(1), statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 6,
      datapointsToAlarm: 6,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
