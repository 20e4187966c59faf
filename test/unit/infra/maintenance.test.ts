import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ALARM_COUNT } from '../../../bench/idle-rows.ts';
import { stackTemplate } from './stack-template.ts';

const template = stackTemplate();
const queues = template.findResources('AWS::SQS::Queue');
const idOf = (name: string): string => Object.keys(queues).find((id) => id.startsWith(`Tasks${name}`)) ?? '';
const deadLettersId = idOf('DeadLetters');
const tasksId = idOf('Queue');
const arnOf = (id: string): unknown => ({ 'Fn::GetAtt': [id, 'Arn'] });

interface Alarm {
  readonly Properties: Readonly<Record<string, unknown>>;
}
const alarms = new Map(
  Object.entries(template.findResources('AWS::CloudWatch::Alarm') as Record<string, Alarm>).map(
    ([id, { Properties }]) => [id.replace(/^Alarms|[0-9A-F]{8}$/g, ''), Properties],
  ),
);

describe('the running of maintenance', () => {
  it('plans every five minutes, or as often as is said', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(5 minutes)',
      State: 'ENABLED',
      Targets: [Match.objectLike({ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Planner'), 'Arn'] } })],
    });
    stackTemplate({ planMinutes: 1 }).hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
    });
  });

  it('sweeps once a day, removes deleted topics every hour, and keeps what failed', () => {
    const target = (job: string): object => ({
      Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Sweeper'), 'Arn'] },
      Input: JSON.stringify({ job }),
    });
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 day)',
      Targets: [Match.objectLike(target('sweep'))],
    });
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 hour)',
      Targets: [Match.objectLike(target('remove-topics'))],
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Timeout: 900,
      DeadLetterConfig: { TargetArn: arnOf(deadLettersId) },
    });
  });

  it('gives a task three tries, each longer than the worker may run, and then keeps it for two weeks', () => {
    expect(queues[tasksId]?.Properties).toMatchObject({
      VisibilityTimeout: 6 * 300,
      MessageRetentionPeriod: 86_400,
      RedrivePolicy: { deadLetterTargetArn: arnOf(deadLettersId), maxReceiveCount: 3 },
      SqsManagedSseEnabled: true,
    });
    expect(queues[deadLettersId]?.Properties).toMatchObject({ MessageRetentionPeriod: 14 * 86_400 });
    template.hasResourceProperties('AWS::Lambda::Function', { Timeout: 300, MemorySize: 2048 });
  });

  it('is refused to whoever speaks plain HTTP', () => {
    template.resourceCountIs('AWS::SQS::QueuePolicy', 2);
    template.allResourcesProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ],
      },
    });
  });

  it('calls few workers at once, and lets each task of a call fail by itself', () => {
    const source = {
      EventSourceArn: arnOf(tasksId),
      BatchSize: 5,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    };
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      ...source,
      ScalingConfig: { MaximumConcurrency: 4 },
    });
    stackTemplate({ workersMax: 50 }).hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      ScalingConfig: { MaximumConcurrency: 50 },
    });
  });
});

describe('alarms', () => {
  it('are few, because each costs money, and the benchmark counts them', () => {
    expect(alarms.size).toBe(ALARM_COUNT);
    expect([...alarms.keys()].sort()).toEqual([
      'DeadLetters',
      'JobFailures',
      'OldestUnsealed',
      'PlannerFailing',
      'PlannerSilent',
      'SweepFindings',
    ]);
  });

  it('notice a schedule that is off: without calls there is no data', () => {
    expect(alarms.get('PlannerSilent')).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'Invocations',
      TreatMissingData: 'breaching',
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      Period: 300,
      EvaluationPeriods: 3,
    });
    stackTemplate({ planMinutes: 30 }).hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Invocations',
      Period: 1_800,
    });
  });

  it('notice a planner that always fails', () => {
    expect(alarms.get('PlannerFailing')).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'Errors',
      Threshold: 1,
      EvaluationPeriods: 3,
      TreatMissingData: 'notBreaching',
    });
  });

  it('notice unsealed data at twice its seal age, by the metric of this stack', () => {
    expect(alarms.get('OldestUnsealed')).toMatchObject({
      Namespace: 'Millrace',
      MetricName: 'OldestUnsealed',
      Dimensions: [
        { Name: 'service', Value: 'maintenance' },
        { Name: 'stack', Value: 'Millrace' },
      ],
      Statistic: 'Maximum',
      Threshold: 2,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
  });

  it('notice repeated failures, and the first dead letter for as long as it lies there', () => {
    expect(alarms.get('JobFailures')).toMatchObject({
      Namespace: 'Millrace',
      Statistic: 'Sum',
      Threshold: 3,
    });
    expect(alarms.get('DeadLetters')).toMatchObject({
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [deadLettersId, 'QueueName'] } }],
      Threshold: 1,
      TreatMissingData: 'ignore',
    });
  });

  it('notice what a sweep found', () => {
    expect(alarms.get('SweepFindings')).toMatchObject({
      Namespace: 'Millrace',
      MetricName: 'SweepFindings',
      Statistic: 'Sum',
      Threshold: 1,
      TreatMissingData: 'notBreaching',
    });
  });

  it('tell nobody unless it is said whom', () => {
    for (const [, properties] of alarms) expect(properties).not.toHaveProperty('AlarmActions');
    template.resourceCountIs('AWS::SNS::Topic', 0);
  });

  it('tell an address and a topic', () => {
    const topicArn = 'arn:aws:sns:us-east-1:123456789012:on-call';
    const told = stackTemplate({ alarmEmail: 'on-call@example.com', alarmTopicArn: topicArn });
    told.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'on-call@example.com',
    });
    told.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [topicArn, { Ref: Match.stringLikeRegexp('^AlarmsMail') }],
    });
  });
});
