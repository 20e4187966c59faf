import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type IAlarmAction,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface AlarmsProps {
  readonly planner: IFunction;
  readonly planMinutes: number;
  readonly deadLetters: IQueue;
  /** How often flows tell how they are. @default - nothing is copied here */
  readonly flowMinutes?: number;
  /** Alarms send to a topic of their own, and that to this address once it has agreed. @default - none */
  readonly email?: string;
  /** Alarms send to this topic, too. @default - none */
  readonly topicArn?: string;
}

type AlarmSpec = Pick<AlarmProps, 'alarmDescription' | 'threshold' | 'treatMissingData'> & {
  readonly metric: IMetric;
  readonly evaluationPeriods?: number;
  readonly comparisonOperator?: ComparisonOperator;
};

/** What somebody must know of. Every alarm costs $0.10 a month and every metric of our own $0.30, so there are few. */
export class Alarms extends Construct {
  readonly #actions: readonly IAlarmAction[];

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.#actions = this.#topics(props).map((topic) => new SnsAction(topic));
    const planning = Duration.minutes(Math.max(5, props.planMinutes));

    // Without a schedule there are no calls, and no data at all: that is the alarm, too.
    this.#alarm('PlannerSilent', {
      alarmDescription: 'Millrace: the planner was not called for three periods. Is its schedule on?',
      metric: props.planner.metricInvocations({ period: planning, statistic: 'Sum' }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.BREACHING,
    });
    // Every call tells whether it was an error: both alarms together say that plans are made.
    this.#alarm('PlannerFailing', {
      alarmDescription: 'Millrace: the planner failed in three periods in a row: nothing is maintained',
      metric: props.planner.metricErrors({ period: planning, statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    // An idle log says nothing, and a planner that says nothing has the alarm above.
    this.#alarm('OldestUnsealed', {
      alarmDescription:
        'Millrace: a chunk is twice as old as it should be when it is sealed; unsealed data expires in the end',
      metric: this.#own('OldestUnsealed', {
        statistic: 'Maximum',
        period: Duration.minutes(Math.max(15, props.planMinutes)),
      }),
      threshold: 2,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#alarm('JobFailures', {
      alarmDescription: 'Millrace: maintenance failed three times within an hour; each is tried again',
      metric: this.#own('JobFailures', { statistic: 'Sum', period: Duration.hours(1) }),
      threshold: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#alarm('SweepFindings', {
      alarmDescription:
        'Millrace: a sweep found objects that are not ours, or metadata it could not read; it deletes neither',
      metric: this.#own('SweepFindings', { statistic: 'Sum', period: Duration.days(1) }),
      threshold: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    // A queue that nobody uses stops reporting after six hours, whatever lies in it: the state stays as it is.
    this.#alarm('DeadLetters', {
      alarmDescription: 'Millrace: tasks that could not be done, after three tries, lie in the dead letters',
      metric: props.deadLetters.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(5),
        statistic: 'Maximum',
      }),
      threshold: 1,
      treatMissingData: TreatMissingData.IGNORE,
    });
    if (props.flowMinutes !== undefined) this.#ofFlows(props.flowMinutes);
  }

  /** A metric has two values at least in each of its periods. */
  #ofFlows(flowMinutes: number): void {
    const period = Duration.minutes(Math.max(5, 2 * flowMinutes));
    const metric = (metricName: string, statistic: string): Metric =>
      this.#own(metricName, { service: 'replication', statistic, period });
    // Every call of the schedule tells how far behind the flows are: silence means that nobody copies.
    this.#alarm('FlowLag', {
      alarmDescription: 'Millrace: a flow is more than five minutes behind its source, or nobody can tell',
      metric: metric('FlowLagSeconds', 'Maximum'),
      threshold: 300,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.#alarm('FlowLagRecords', {
      alarmDescription: 'Millrace: a flow has had more than 100,000 records to copy for three periods',
      metric: metric('FlowLagRecords', 'Minimum'),
      threshold: 100_000,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#alarm('FlowStopped', {
      alarmDescription:
        'Millrace: topics are not copied any more: their copy differs, the source was made anew, a name is taken, or the source cannot be read',
      metric: metric('FlowTopicsStopped', 'Maximum'),
      threshold: 1,
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#alarm('FlowGaps', {
      alarmDescription: 'Millrace: a source had trimmed records before they were copied; the log tells which',
      metric: metric('FlowGaps', 'Sum'),
      threshold: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#alarm('ForeignWrites', {
      alarmDescription: 'Millrace: somebody tried to write into a remote topic; it was refused',
      metric: metric('ForeignWrites', 'Sum'),
      threshold: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #alarm(id: string, spec: AlarmSpec): void {
    const alarm = new Alarm(this, id, {
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      ...spec,
    });
    if (this.#actions.length > 0) alarm.addAlarmAction(...this.#actions);
  }

  /** As the functions' observer names it. */
  #own(
    metricName: string,
    {
      service = 'maintenance',
      ...props
    }: { readonly service?: string; readonly statistic: string; readonly period: Duration },
  ): Metric {
    const dimensionsMap = { service, stack: Stack.of(this).stackName };
    return new Metric({ namespace: 'Millrace', metricName, dimensionsMap, ...props });
  }

  #topics({ email, topicArn }: AlarmsProps): readonly ITopic[] {
    const topics: ITopic[] = [];
    if (topicArn !== undefined) topics.push(Topic.fromTopicArn(this, 'Topic', topicArn));
    if (email !== undefined) {
      const topic = new Topic(this, 'Mail', { displayName: 'Millrace alarms', enforceSSL: true });
      topic.addSubscription(new EmailSubscription(email));
      topics.push(topic);
    }
    return topics;
  }
}
