import { describe, expect, it } from 'vitest';
import { PRICES } from '../../../../lib/storage/meter.ts';
import { CHUNK, IF_ABSENT, lostTo, refusal, sceneOf } from './support.ts';

/** What DynamoDB was asked, one line for each request. */
function asked(server: {
  readonly requests: readonly { readonly headers: object; readonly body: Buffer }[];
}): unknown[] {
  return server.requests.map(({ headers, body }) => {
    const target = (headers as Readonly<Record<string, string>>)['x-amz-target'] ?? '';
    return { operation: target.split('.')[1], ...JSON.parse(body.toString()) };
  });
}

describe('what DynamoDB is asked', () => {
  it('a chunk is put in one request that names its condition and asks for what stood in the way', async () => {
    const { hot, server, call } = await sceneOf([{}]);
    await hot.put({ ...CHUNK, expiresAtSeconds: 1_900_000_000 }, IF_ABSENT, call);
    expect(asked(server)).toEqual([
      {
        operation: 'PutItem',
        TableName: 'hot',
        Item: { pk: { S: 't:0' }, sk: { N: '7' }, v: { S: 'v1' }, x: { N: '1900000000' }, b: { B: 'AQI=' } },
        ConditionExpression: 'attribute_not_exists(pk)',
        ReturnValues: 'NONE',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    ]);
  });

  it('a replacement and a delete name the version that they mean', async () => {
    const { catalog, server, call } = await sceneOf([{}]);
    const topic = { pk: 'topics', sk: 'orders', version: 'v2', attributes: { n: 6 } };
    await catalog.put(topic, { condition: { kind: 'ifVersion', version: 'v1' } }, call);
    await catalog.delete(topic, { ifVersion: 'v2' }, call);
    const condition = (version: string): object => ({
      ConditionExpression: 'v = :version',
      ExpressionAttributeValues: { ':version': { S: version } },
    });
    expect(asked(server)).toMatchObject([
      { operation: 'PutItem', TableName: 'catalog', ...condition('v1') },
      { operation: 'DeleteItem', Key: { pk: { S: 'topics' }, sk: { S: 'orders' } }, ...condition('v2') },
    ]);
  });

  it('a query names its range, its direction and how fresh it must be', async () => {
    const { hot, server, call } = await sceneOf([
      { body: { Items: [], LastEvaluatedKey: { pk: { S: 'x' } } } },
    ]);
    const range = { from: 3, to: 90, after: 60, reverse: true, limit: 5, consistent: false };
    expect(await hot.query('t:0', range, call)).toMatchObject({ items: [], more: true });
    expect(asked(server)).toEqual([
      {
        operation: 'Query',
        TableName: 'hot',
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':pk': { S: 't:0' }, ':from': { N: '3' }, ':to': { N: '90' } },
        ExclusiveStartKey: { pk: { S: 't:0' }, sk: { N: '60' } },
        ScanIndexForward: false,
        Limit: 5,
        ConsistentRead: false,
      },
    ]);
  });

  it('a range that nothing can be in costs no request', async () => {
    const { hot, server, call } = await sceneOf([{}]);
    const range = { from: 9, to: 8, limit: 5, consistent: true };
    expect(await hot.query('t:0', range, call)).toMatchObject({ items: [], more: false });
    expect(server.requests).toHaveLength(0);
    expect(call.meter.usage).toMatchObject({ tableReads: 0, readUnits: 0 });
  });

  it('connections are kept for the next request', async () => {
    const { hot, server, call } = await sceneOf([{}]);
    await hot.put(CHUNK, IF_ABSENT, call);
    await hot.put(CHUNK, IF_ABSENT, call);
    expect([server.requests.length, server.connectionCount()]).toEqual([2, 1]);
  });

  it('eight write units cost what one object put costs, and that is the break-even', async () => {
    const { hot, call } = await sceneOf([{}]);
    expect(hot.inlineBytesBreakEven).toBe(8_192);
    expect((hot.inlineBytesBreakEven / 1_024) * PRICES.writeUnit).toBeCloseTo(PRICES.objectPut, 12);
    expect(call.meter.usage.tableWrites).toBe(0);
  });
});

describe('what a call is charged', () => {
  it('a put of 900 bytes is one request and one unit', async () => {
    const { hot, call } = await sceneOf([{}]);
    await hot.put({ ...CHUNK, attributes: { b: new Uint8Array(900) } }, IF_ABSENT, call);
    expect(call.meter.usage).toMatchObject({ tableWrites: 1, writeUnits: 1, tableReads: 0, readUnits: 0 });
  });

  it('a write whose answer was lost is charged: it may have been billed', async () => {
    const { hot, call } = await sceneOf(['reset']);
    await expect(
      hot.put({ ...CHUNK, attributes: { b: new Uint8Array(1_500) } }, IF_ABSENT, call),
    ).rejects.toThrow();
    expect(call.meter.usage).toMatchObject({ tableWrites: 1, writeUnits: 2 });
  });

  it('a throttled, refused or skewed request is not charged: it was not billed', async () => {
    const { hot, call } = await sceneOf([
      refusal('ThrottlingException'),
      refusal('AccessDeniedException'),
      refusal('RequestTimeTooSkewed'),
    ]);
    for (let n = 0; n < 3; n += 1) await expect(hot.put(CHUNK, IF_ABSENT, call)).rejects.toThrow();
    expect(call.meter.usage).toMatchObject({ tableWrites: 0, writeUnits: 0 });
  });

  it('a lost put is charged by the larger item and counted as lost', async () => {
    const big = Buffer.alloc(4_000).toString('base64');
    const { hot, call } = await sceneOf([
      lostTo({ pk: { S: 't:0' }, sk: { N: '7' }, v: { S: 'v0' }, b: { B: big } }),
    ]);
    await hot.put(CHUNK, IF_ABSENT, call);
    expect(call.meter.usage).toMatchObject({ tableWrites: 1, writeUnits: 4, lostWrites: 1 });
  });
});
