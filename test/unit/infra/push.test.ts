import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { pushId } from '../../../infra/constructs/push-to-function.ts';
import { readSettings } from '../../../infra/settings.ts';
import { actionsOf, stackTemplate, statementsOf } from './stack-template.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:orders';
const push = [
  { group: 'orders/1', topics: ['orders'], functionArn: ARN },
  { group: 'billing', topics: ['orders', 'refunds'], functionArn: `${ARN}-2:live`, batchSize: 5 },
];
const { props } = readSettings((name) => (name === 'push' ? JSON.stringify(push) : undefined));
const template = stackTemplate(props);
const plain = stackTemplate();
const id = pushId('orders/1');
const deadLetters = Object.keys(template.findResources('AWS::SQS::Queue')).find((queue) =>
  queue.startsWith(`${id}DeadLetters`),
);

describe('pushing to a function', () => {
  it('adds nothing to a stack that does not ask for it', () => {
    plain.resourceCountIs('AWS::SQS::Queue', 2);
    plain.resourceCountIs('AWS::Events::Rule', 3);
    plain.resourceCountIs('AWS::Lambda::Function', 7);
    for (const none of [undefined, '', [], '[]']) {
      expect(readSettings((name) => (name === 'push' ? none : undefined)).props).not.toHaveProperty('push');
    }
  });

  it('adds a runner, a schedule and a queue for each, and no alarm', () => {
    template.resourceCountIs('AWS::SQS::Queue', 4);
    template.resourceCountIs('AWS::Events::Rule', 5);
    template.resourceCountIs('AWS::Lambda::Function', 9);
    const alarms = Object.keys(plain.findResources('AWS::CloudWatch::Alarm')).length;
    template.resourceCountIs('AWS::CloudWatch::Alarm', alarms);
  });

  it('calls the runner every minute; the next call stands in for one that was missed', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp(`^${id}Runner`), 'Arn'] },
          RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
        }),
      ],
    });
  });

  it('tells the runner what to push, with every default, and where dead letters go', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Timeout: 900,
      TracingConfig: Match.absent(),
      Environment: {
        Variables: Match.objectLike({
          MILLRACE_PUSH: JSON.stringify(props.push?.slice(0, 1)),
          MILLRACE_PUSH_DEAD_LETTERS_URL: { Ref: deadLetters },
        }),
      },
    });
  });

  it('lets the runner call exactly that function, and send to exactly that queue', () => {
    const statements = statementsOf(template, `${id}Runner`);
    const resources = (action: string): unknown[] =>
      statements.filter(({ Action }) => [Action].flat().includes(action)).map(({ Resource }) => Resource);
    expect(resources('lambda:InvokeFunction')).toEqual([ARN]);
    expect(resources('sqs:SendMessage')).toEqual([{ 'Fn::GetAtt': [deadLetters, 'Arn'] }]);
    expect(actionsOf(template, `${id}Runner`)).toEqual([
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'lambda:InvokeFunction',
      's3:GetObject',
      's3:ListBucket',
      'sqs:SendMessage',
    ]);
  });

  it('lets the runner write nothing but what groups consist of', () => {
    const writes = statementsOf(template, `${id}Runner`).filter(({ Action }) =>
      [Action].flat().some((action) => /Put|Delete/.test(action)),
    );
    expect(writes).toMatchObject([
      {
        Condition: {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['groups', 'group#*', 'offsets#*'] },
        },
      },
    ]);
  });

  it('keeps dead letters for two weeks, encrypted', () => {
    expect(template.findResources('AWS::SQS::Queue')[deadLetters ?? '']?.Properties).toMatchObject({
      MessageRetentionPeriod: 14 * 86_400,
      SqsManagedSseEnabled: true,
    });
  });

  it('names runner and queue in its outputs, the same whatever else is pushed', () => {
    const outputs = Object.keys(template.toJSON().Outputs as object);
    expect(outputs).toContain(`${id}FunctionName`);
    expect(outputs).toContain(`${id}DeadLettersUrl`);
    expect(id).toBe('Pushorders1071ee443');
    expect(pushId('größe')).not.toBe(pushId('gr-e'));
  });

  it('refuses settings that make no sense, with their name', () => {
    const reading = (value: string) => () => readSettings((name) => (name === 'push' ? value : undefined));
    expect(reading('[')).toThrow('push: a JSON list of objects');
    expect(reading('[{"group":"g"}]')).toThrow('push[0].topics: a list of topic names');
  });
});
