import { describe, expect, it } from 'vitest';
import { actionsOf, type Statement, stackTemplate, statementsOf } from './stack-template.ts';

const template = stackTemplate();
const HOT = { 'Fn::GetAtt': ['StorageHotBD6249BC', 'Arn'] };
const CATALOG = { 'Fn::GetAtt': ['StorageCatalogBA94E8E8', 'Arn'] };
const objects = (keys: string): unknown => ({
  'Fn::Join': ['', [{ 'Fn::GetAtt': ['StorageBucket5CB7C8EA', 'Arn'] }, `/${keys}`]],
});

const allowing = (role: string, action: string): readonly Statement[] =>
  statementsOf(template, role).filter(({ Action }) => [Action].flat().includes(action));

const TASKS = {
  'Fn::GetAtt': [
    Object.keys(template.findResources('AWS::SQS::Queue')).find((id) => id.startsWith('TasksQueue')),
    'Arn',
  ],
};
const ROLES = ['Produce', 'Fetch', 'Groups', 'Admin', 'Planner', 'Worker', 'Sweeper'];

const WRITES =
  /^(dynamodb:(Put|Update|Delete|BatchWrite|Create|Restore|PartiQL)|s3:(Put|Delete|Abort|Restore|Create))/;

describe('roles', () => {
  it('produce may read chunks and metadata, append, and upload', () => {
    expect(actionsOf(template, 'Produce')).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:PutObject',
    ]);
  });

  it('produce cannot delete', () => {
    expect(actionsOf(template, 'Produce').filter((action) => /Delete/.test(action))).toEqual([]);
  });

  it('produce uploads spilled chunks and snapshots of producers, nothing else, and sees no segment', () => {
    const own = [[objects('spill/*'), objects('producers/*')]];
    expect(allowing('Produce', 's3:PutObject').map(({ Resource }) => Resource)).toEqual(own);
    expect(allowing('Produce', 's3:GetObject').map(({ Resource }) => Resource)).toEqual(own);
  });

  it('produce writes to the catalog only what it remembers of idempotency keys and of producers', () => {
    const [toHot, toCatalog, ...others] = allowing('Produce', 'dynamodb:PutItem');
    expect(toHot).toMatchObject({ Resource: HOT });
    expect(toCatalog).toMatchObject({
      Resource: CATALOG,
      Condition: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['attempt#*', 'producers', 'producers#*'] },
      },
    });
    expect(others).toEqual([]);
  });

  it('fetch cannot write', () => {
    expect(actionsOf(template, 'Fetch')).toEqual([
      'dynamodb:GetItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:ListBucket',
    ]);
    expect(actionsOf(template, 'Fetch').filter((action) => WRITES.test(action))).toEqual([]);
  });

  it('groups reads, and writes nothing but what groups and their consumers consist of', () => {
    expect(actionsOf(template, 'Groups')).toEqual([
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:ListBucket',
    ]);
    const keys = ['groups', 'group#*', 'offsets#*', 'instances#*', 'forgotten'];
    for (const action of ['dynamodb:PutItem', 'dynamodb:DeleteItem']) {
      expect(allowing('Groups', action)).toMatchObject([
        {
          Resource: CATALOG,
          Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys } },
        },
      ]);
    }
  });

  it('admin changes topics, serves what no route names, and runs jobs on request', () => {
    expect(actionsOf(template, 'Admin')).toEqual([
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
  });

  it('planner looks, and sends tasks: nothing else', () => {
    expect(actionsOf(template, 'Planner')).toEqual(['dynamodb:Query', 'sqs:SendMessage']);
    expect(allowing('Planner', 'sqs:SendMessage').map(({ Resource }) => Resource)).toEqual([TASKS]);
  });

  it('worker writes segments, snapshots of producers, and items, and deletes nothing but items of the catalog', () => {
    expect(allowing('Worker', 's3:PutObject').map(({ Resource }) => Resource)).toEqual([
      [objects('segments/*'), objects('producers/*')],
    ]);
    expect(allowing('Worker', 'dynamodb:DeleteItem').map(({ Resource }) => Resource)).toEqual([CATALOG]);
  });

  it('worker takes tasks from the one queue, and sends unfinished ones there', () => {
    const queues = actionsOf(template, 'Worker').filter((action) => action.startsWith('sqs:'));
    expect(queues).toEqual([
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
      'sqs:GetQueueUrl',
      'sqs:ReceiveMessage',
      'sqs:SendMessage',
    ]);
    for (const action of queues) {
      for (const { Resource } of allowing('Worker', action)) expect(Resource).toEqual(TASKS);
    }
  });

  it('nobody may delete an object but the sweeper, and admin, which sweeps on request', () => {
    const others = ROLES.filter((role) => role !== 'Admin' && role !== 'Sweeper');
    for (const role of others) expect(allowing(role, 's3:DeleteObject'), role).toEqual([]);
  });

  it('sweeper writes no segment, no position, and no item of a partition but the closed marker', () => {
    expect(allowing('Sweeper', 's3:PutObject').map(({ Resource }) => Resource)).toEqual([objects('sweep/*')]);
    const toCatalog = allowing('Sweeper', 'dynamodb:PutItem').filter(
      ({ Resource }) => JSON.stringify(Resource) === JSON.stringify(CATALOG),
    );
    const keys = ['topics', 'deleted', 'maintenance', 'group#*', 'forgotten'];
    expect(toCatalog).toMatchObject([
      { Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys } } },
    ]);
  });

  it.each(ROLES)('%s is allowed nothing by wildcard', (role) => {
    const broad = statementsOf(template, role).filter(
      ({ Action, Resource }) =>
        [Action].flat().some((action) => action.includes('*')) ||
        (Resource === '*' && ![Action].flat().every((action) => action.startsWith('xray:'))),
    );
    expect(broad).toEqual([]);
  });
});
