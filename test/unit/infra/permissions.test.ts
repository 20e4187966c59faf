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

  it('produce uploads spilled chunks and nothing else, and sees no segment', () => {
    expect(allowing('Produce', 's3:PutObject').map(({ Resource }) => Resource)).toEqual([objects('spill/*')]);
    expect(allowing('Produce', 's3:GetObject').map(({ Resource }) => Resource)).toEqual([objects('spill/*')]);
  });

  it('produce writes to the catalog only what it remembers of idempotency keys', () => {
    const [toHot, toCatalog, ...others] = allowing('Produce', 'dynamodb:PutItem');
    expect(toHot).toMatchObject({ Resource: HOT });
    expect(toCatalog).toMatchObject({
      Resource: CATALOG,
      Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['attempt#*'] } },
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

  it('admin changes topics and serves what no route names, and deletes nothing: a deleted topic leaves its item', () => {
    expect(actionsOf(template, 'Admin')).toEqual([
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
  });

  it('maintenance writes segments and their items, and leaves the hot table as it is', () => {
    expect(allowing('Maintenance', 's3:PutObject').map(({ Resource }) => Resource)).toEqual([
      objects('segments/*'),
    ]);
    expect(allowing('Maintenance', 'dynamodb:PutItem').map(({ Resource }) => Resource)).toEqual([CATALOG]);
    expect(actionsOf(template, 'Maintenance').filter((action) => /Delete/.test(action))).toEqual([]);
  });

  it.each(['Produce', 'Fetch', 'Admin', 'Maintenance'])('%s is allowed nothing by wildcard', (role) => {
    const broad = statementsOf(template, role).filter(
      ({ Action, Resource }) =>
        [Action].flat().some((action) => action.includes('*')) ||
        (Resource === '*' && ![Action].flat().every((action) => action.startsWith('xray:'))),
    );
    expect(broad).toEqual([]);
  });
});
