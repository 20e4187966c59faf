import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { readStacks } from '../../../infra/settings.ts';
import { appTemplates, functionBehind, type Statement, stackTemplate } from './stack-template.ts';

const REGIONS = {
  regions: [
    { region: 'us-east-1', number: 0 },
    { region: 'eu-central-1', number: 7, alias: 'eu', account: undefined },
  ],
  flows: [{ source: 'us-east-1', target: 'eu', topics: ['orders.*'], policy: 'prefixed' }],
};
const templates = appTemplates({ regions: JSON.stringify(REGIONS) });
const us = templates.get('Millrace') as Template;
const eu = templates.get('Millrace-eu') as Template;
const alone = stackTemplate();

const idsOf = (template: Template): string[] => Object.keys(template.toJSON().Resources as object);
const typesOf = (template: Template, ids: readonly string[]): string[] => {
  const resources = template.toJSON().Resources as Record<string, { readonly Type: string }>;
  return ids.map((id) => resources[id]?.Type ?? '').sort();
};

function statements(template: Template, rolePrefix: string): readonly Statement[] {
  const policies = Object.values(template.findResources('AWS::IAM::Policy'));
  return policies
    .filter(({ Properties }) =>
      (Properties.Roles as { readonly Ref: string }[]).some(({ Ref }) => Ref.startsWith(rolePrefix)),
    )
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[]);
}

const actions = (template: Template, rolePrefix: string): string[] =>
  [...new Set(statements(template, rolePrefix).flatMap(({ Action }) => Action))].sort();

const variables = (template: Template, idPrefix: string): Record<string, unknown> => {
  const lambdas = Object.entries(template.findResources('AWS::Lambda::Function'));
  const found = lambdas.find(([id]) => id.startsWith(idPrefix))?.[1];
  return found?.Properties.Environment.Variables as Record<string, unknown>;
};

describe('a deployment in several regions', () => {
  it('is one stack a region; without the setting it is one stack, as ever', () => {
    expect([...templates.keys()]).toEqual(['Millrace', 'Millrace-eu']);
    expect(readStacks(() => undefined)).toMatchObject([{ id: 'Millrace' }]);
    expect(readStacks((name) => (name === 'regions' ? '' : undefined))).toHaveLength(1);
    expect(readStacks((name) => (name === 'regions' ? REGIONS : undefined))).toMatchObject([
      { props: { stackName: 'Millrace', env: { region: 'us-east-1' } } },
      { props: { stackName: 'Millrace', env: { region: 'eu-central-1' } } },
    ]);
  });

  it('tells who manages flows which other regions there are, and nobody else', () => {
    expect(variables(us, 'Admin').MILLRACE_OTHER_REGIONS).toBe('eu');
    expect(variables(eu, 'Admin').MILLRACE_OTHER_REGIONS).toBe('us-east-1');
    expect(variables(eu, 'Produce')).not.toHaveProperty('MILLRACE_OTHER_REGIONS');
    expect(variables(alone, 'Admin')).not.toHaveProperty('MILLRACE_OTHER_REGIONS');
  });

  it('replaces nothing of a stack that was there before: it only adds', () => {
    const before = alone.toJSON().Resources as Record<string, { readonly Properties: object }>;
    const now = us.toJSON().Resources as Record<string, { readonly Properties: object }>;
    for (const [id, resource] of Object.entries(before)) {
      expect(now).toHaveProperty([id]);
      if (!/^Storage/.test(id)) continue;
      expect(now[id]).toMatchObject(resource);
      expect(now[id]?.Properties).not.toHaveProperty('TableName');
      expect(now[id]?.Properties).not.toHaveProperty('BucketName');
    }
  });

  it('adds a role and a parameter for others, a stream with its waker, a replicator with its schedule, and who translates', () => {
    const added = idsOf(us).filter((id) => !idsOf(alone).includes(id));
    expect(typesOf(us, added)).toEqual([
      'AWS::ApiGatewayV2::Integration',
      'AWS::Events::Rule',
      'AWS::IAM::Policy',
      'AWS::IAM::Policy',
      'AWS::IAM::Policy',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::IAM::Role',
      'AWS::IAM::Role',
      'AWS::IAM::Role',
      'AWS::Lambda::EventInvokeConfig',
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::Function',
      'AWS::Lambda::Function',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'AWS::Logs::LogGroup',
      'AWS::Logs::LogGroup',
      'AWS::SSM::Parameter',
    ]);
  });

  it('has alarms only where something is copied to', () => {
    const alarms = Object.keys(alone.findResources('AWS::CloudWatch::Alarm'));
    expect(Object.keys(us.findResources('AWS::CloudWatch::Alarm'))).toEqual(alarms);
    const more = Object.keys(eu.findResources('AWS::CloudWatch::Alarm')).filter((id) => !alarms.includes(id));
    expect(more.map((id) => id.replace(/^Alarms|[0-9A-F]{8}$/g, ''))).toEqual([
      'FlowLag',
      'FlowLagRecords',
      'FlowStopped',
      'FlowGaps',
      'ForeignWrites',
    ]);
    eu.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'FlowLagSeconds',
      TreatMissingData: 'breaching',
      Dimensions: [
        { Name: 'service', Value: 'replication' },
        { Name: 'stack', Value: 'Millrace' },
      ],
    });
  });

  it('tells every function its alias, and its number for producer ids', () => {
    for (const [template, alias, number] of [
      [us, 'us-east-1', '0'],
      [eu, 'eu', '7'],
    ] as const) {
      for (const id of ['Produce', 'Admin', 'Groups', 'Fetch', 'ReplicatorCopier', 'TranslationTranslator']) {
        expect(variables(template, id)).toMatchObject({
          MILLRACE_REGION: alias,
          MILLRACE_REGION_NUMBER: number,
        });
      }
    }
    expect(variables(alone, 'Produce')).not.toHaveProperty('MILLRACE_REGION');
  });
});

describe('reading another region', () => {
  it('is allowed by a role with a name that is known beforehand, and to who copies and who translates alone', () => {
    us.hasResourceProperties('AWS::IAM::Role', {
      RoleName: 'Millrace-source-us-east-1',
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Condition: {
              ArnLike: {
                'aws:PrincipalArn': Match.arrayWith([
                  { 'Fn::Join': ['', Match.arrayWith([':role/Millrace-replicator-eu'])] },
                  { 'Fn::Join': ['', Match.arrayWith([':role/Millrace-translator-eu'])] },
                ]),
              },
            },
          },
        ],
      },
    });
  });

  it('is reading, and nothing else', () => {
    expect(actions(us, 'SourceRole')).toEqual([
      'dynamodb:DescribeTable',
      'dynamodb:GetItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:ListBucket',
      'ssm:GetParameter',
    ]);
  });

  it('begins with a parameter that names the tables and the bucket', () => {
    us.hasResourceProperties('AWS::SSM::Parameter', {
      Name: '/millrace/Millrace/us-east-1/storage',
      Value: {
        'Fn::Join': ['', Match.arrayWith([{ Ref: 'StorageHotBD6249BC' }, { Ref: 'StorageBucket5CB7C8EA' }])],
      },
    });
  });

  it('is done by one function, which may take the roles of its sources, and writes nothing of a user', () => {
    eu.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'Millrace-replicator-eu',
      Timeout: 900,
      Environment: {
        Variables: Match.objectLike({
          MILLRACE_FLOWS: JSON.stringify([{ source: 'us-east-1', topics: ['orders.*'], policy: 'prefixed' }]),
        }),
      },
    });
    const takes = statements(eu, 'ReplicatorRole').filter(({ Action }) => Action === 'sts:AssumeRole');
    expect(takes).toHaveLength(1);
    expect(JSON.stringify(takes[0]?.Resource)).toContain(':role/Millrace-source-us-east-1');
    expect(variables(us, 'ReplicatorCopier')).not.toHaveProperty('MILLRACE_FLOWS');
    expect(actions(eu, 'ReplicatorRole').filter((action) => /Delete|Update|Scan/.test(action))).toEqual([
      'dynamodb:DeleteItem',
    ]);
  });

  it('is done by the function that translates, to which actions on groups lead', () => {
    eu.hasResourceProperties('AWS::IAM::Role', { RoleName: 'Millrace-translator-eu' });
    const takes = statements(eu, 'TranslationRole').filter(({ Action }) => Action === 'sts:AssumeRole');
    expect(JSON.stringify(takes.map(({ Resource }) => Resource))).toContain(
      ':role/Millrace-source-us-east-1',
    );
    expect(variables(eu, 'TranslationTranslator').MILLRACE_SOURCES).toEqual(
      variables(eu, 'ReplicatorCopier').MILLRACE_SOURCES,
    );
    const action = 'POST /v3/clusters/{cluster}/consumer-groups/{group}/{action}';
    expect(functionBehind(eu, action)).toMatch(/^TranslationTranslator/);
    expect(functionBehind(alone, action)).toMatch(/^Groups/);
  });

  it('is called every five minutes besides, or as often as is asked for', () => {
    const rate = (template: Template | undefined, minutes: string): void =>
      template?.hasResourceProperties('AWS::Events::Rule', {
        ScheduleExpression: `rate(${minutes})`,
        Targets: [Match.objectLike({ Input: '{"schedule":"all flows"}' })],
      });
    rate(eu, '5 minutes');
    rate(appTemplates({ regions: REGIONS, flowMinutes: '1' }).get('Millrace-eu'), '1 minute');
    expect(() => readStacks((name) => ({ flowMinutes: '0' })[name])).toThrow('flowMinutes: a whole number');
  });

  it('crosses accounts if they are named', () => {
    const accounts = ['111111111111', '222222222222'];
    const named = REGIONS.regions.map((region, index) => ({ ...region, account: accounts[index] }));
    const [first, second] = [...appTemplates({ regions: { regions: named } }).values()] as [
      Template,
      Template,
    ];
    expect(JSON.stringify(first.findResources('AWS::IAM::Role'))).toContain(
      ':iam::222222222222:role/Millrace-replicator-eu',
    );
    second.hasResourceProperties('AWS::Lambda::Permission', {
      Action: 'lambda:InvokeFunction',
      Principal: '111111111111',
    });
  });
});

describe('the wake signal', () => {
  it('is every new item of the hot table and every changed topic, of which it is told the key and nothing else', () => {
    us.hasResourceProperties('AWS::DynamoDB::Table', {
      StreamSpecification: { StreamViewType: 'KEYS_ONLY' },
    });
    us.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': ['StorageHotBD6249BC', 'StreamArn'] },
      StartingPosition: 'LATEST',
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
      MaximumRecordAgeInSeconds: 60,
    });
    us.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': ['StorageCatalogBA94E8E8', 'StreamArn'] },
      FilterCriteria: {
        Filters: [
          { Pattern: '{"eventName":["INSERT","MODIFY"],"dynamodb":{"Keys":{"pk":{"S":["topics"]}}}}' },
        ],
      },
    });
    expect(JSON.stringify(alone.toJSON())).not.toContain('StreamSpecification');
  });

  it('may call the replicators of other regions, and read nothing', () => {
    const allowed = statements(us, 'WakeWaker').flatMap(({ Action }) => Action);
    expect([...new Set(allowed)].filter((action) => !/Stream|ShardIterator|GetRecords/.test(action))).toEqual(
      ['lambda:InvokeFunction'],
    );
    expect(JSON.stringify(variables(us, 'WakeWaker').MILLRACE_WAKES)).toContain(
      ':function:Millrace-replicator-eu',
    );
  });
});

describe('the setting `regions`', () => {
  const reading =
    (value: unknown, more: Record<string, unknown> = {}) =>
    (): unknown =>
      readStacks((name) => ({ regions: value, ...more })[name]);
  const [first, second] = REGIONS.regions;

  it.each<[string, unknown]>([
    ['this is no JSON', '{'],
    ['regions.flow: there is no such setting', { ...REGIONS, flow: [] }],
    ['from 2 to 16', { regions: [first] }],
    ['each needs a number of its own; got 0, 0', { regions: [first, { ...second, number: 0 }] }],
    ['each needs a alias of its own', { regions: [first, { ...second, alias: 'us-east-1' }] }],
    [
      'regions.regions[1].number: a whole number from 0 to 1023',
      { regions: [first, { region: 'eu-west-1' }] },
    ],
    ['regions.regions[0].region: a region of AWS', { regions: [{ ...first, region: 'usa' }, second] }],
    ['two of them would be one stack', { regions: [first, { ...first, alias: 'again', number: 2 }] }],
    ['either all name their account', { regions: [{ ...first, account: '111111111111' }, second] }],
    [
      'regions.flows[0].source: one of us-east-1, eu',
      { ...REGIONS, flows: [{ source: 'mars', target: 'eu' }] },
    ],
    ['a region cannot copy from itself', { ...REGIONS, flows: [{ source: 'eu', target: 'eu' }] }],
    ['there are two from us-east-1 to eu', { ...REGIONS, flows: [...REGIONS.flows, ...REGIONS.flows] }],
    [
      'regions.flows[0].relays: some of us-east-1, eu',
      { ...REGIONS, flows: [{ ...REGIONS.flows[0], relays: ['eu', 'mars'] }] },
    ],
    [
      'regions.flows[0].filter: there is no such',
      { ...REGIONS, flows: [{ ...REGIONS.flows[0], filter: 1 }] },
    ],
  ])('is refused: %s', (message, value) => {
    expect(reading(value)).toThrow(message);
  });

  it('has room for the flows that a function can be told of', () => {
    const topics = Array.from({ length: 100 }, (_, index) => `a-rather-long-topic-name-${index}`);
    const flows = [{ source: 'us-east-1', target: 'eu', topics }];
    expect(reading({ ...REGIONS, flows })).toThrow('regions.flows: at most 2000 bytes');
  });

  it('calls pushed functions from the stack of their own region', () => {
    const entry = (region: string): object => ({
      group: region,
      topics: ['orders'],
      functionArn: `arn:aws:lambda:${region}:123456789012:function:f`,
    });
    const stacks = readStacks((name) => ({ regions: REGIONS, push: [entry('eu-central-1')] })[name]);
    expect(stacks.map(({ props }) => props.push?.length ?? 0)).toEqual([0, 1]);
    expect(reading(REGIONS, { push: [entry('sa-east-1')] })).toThrow('in a region with exactly one');
  });
});
