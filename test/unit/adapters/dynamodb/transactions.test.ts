import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { dynamoTransactions, TransactionCancelledError } from '../../../../lib/adapters/dynamodb/index.ts';
import { MillraceError } from '../../../../lib/errors.ts';
import type { WithinAttempts } from '../../../../lib/storage/within.ts';
import { faultOf } from '../../../contract/support.ts';
import type { Reply } from '../../../tools/scripted-server.ts';
import { CHUNK, httpDate, IF_ABSENT, refusal, type Scene, sceneOf } from './support.ts';

const ORDER: TransactWriteItem = {
  Put: {
    TableName: 'orders',
    Item: { id: { S: 'o1' } },
    ConditionExpression: 'attribute_not_exists(id)',
  },
};
const STOCK: TransactWriteItem = {
  Update: { TableName: 'stock', Key: { id: { S: 'lamp' } }, UpdateExpression: 'ADD n :one' },
};

async function within(
  script: readonly Reply[],
  items: readonly TransactWriteItem[] = [ORDER, STOCK],
): Promise<Scene & WithinAttempts<number>> {
  const scene = await sceneOf(script);
  const { client, clock } = scene;
  const transactions = dynamoTransactions({ client, clock, hotTable: 'hot', catalogTable: 'catalog' });
  return { ...scene, ...transactions.hot(items) };
}

/** A cancellation as DynamoDB sends it: a reason for each item, ours first. */
function cancelled(...reasons: readonly (string | { Code: string; Item?: object; Message?: string })[]) {
  const CancellationReasons = reasons.map((reason) =>
    typeof reason === 'string' ? { Code: reason } : reason,
  );
  return refusal('TransactionCanceledException', 'Transaction cancelled', { CancellationReasons });
}

const NONE = 'None';
const STANDING = { pk: { S: 't:0' }, sk: { N: '7' }, v: { S: 'v0' } };

describe('a chunk within a transaction', () => {
  it('is its first item, under the condition of a put, with its version as the request token', async () => {
    const { store, server, call } = await within([{}]);
    expect(await store(CHUNK, IF_ABSENT, call)).toMatchObject({ stored: true });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers['x-amz-target']).toBe('DynamoDB_20120810.TransactWriteItems');
    expect(JSON.parse(String(server.requests[0]?.body))).toEqual({
      ClientRequestToken: 'v1',
      TransactItems: [
        {
          Put: {
            TableName: 'hot',
            Item: { pk: { S: 't:0' }, sk: { N: '7' }, v: { S: 'v1' }, b: { B: 'AQI=' } },
            ConditionExpression: 'attribute_not_exists(pk)',
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          },
        },
        ORDER,
        STOCK,
      ],
    });
  });

  it('costs twice the units of a put, whether it goes through or not', async () => {
    const large = { ...CHUNK, attributes: { b: new Uint8Array(1_500) } };
    const replies = [{}, cancelled({ Code: 'ConditionalCheckFailed', Item: STANDING }, NONE, NONE)];
    for (const reply of [...replies, cancelled(NONE, 'ConditionalCheckFailed', NONE)]) {
      const { store, call } = await within([reply]);
      await store(large, IF_ABSENT, call);
      expect(call.meter.usage).toMatchObject({ writeUnits: 4, tableWrites: 1 });
    }
  });

  it('is not sent on an observation that is too old when the request is signed', async () => {
    const { store, server, call, clock } = await within([{}]);
    const observation = { sentWallMs: clock.wallMs() - 60_001, sentMonotonicMs: clock.monotonicMs() };
    const fault = await faultOf(
      store(CHUNK, { ...IF_ABSENT, fences: [{ observation, ageMsMax: 60_000 }] }, call),
    );
    expect(fault).toMatchObject({ kind: 'fenced', mayHaveHappened: false });
    expect(server.requests).toHaveLength(0);
  });

  it("brings storage's clock along, as every look does", async () => {
    const { store, call } = await within([{ headers: { date: httpDate(1_900_000_000_000) } }]);
    const { observation } = await store(CHUNK, IF_ABSENT, call);
    expect(observation.serverMs).toBe(1_900_000_000_000);
  });

  it('sends the same items again, whatever the caller has done to his meanwhile', async () => {
    const items = [structuredClone(ORDER)];
    const { store, server, call } = await within([cancelled('TransactionConflict', NONE), {}], items);
    await faultOf(store(CHUNK, IF_ABSENT, call));
    if (items[0]?.Put !== undefined) items[0].Put.TableName = 'elsewhere';
    await store(CHUNK, IF_ABSENT, call);
    const [first, second] = server.requests.map(({ body }) => String(body));
    expect(second).toBe(first);
  });
});

describe('a transaction that is not carried out', () => {
  it('was lost if another chunk stands at its place, whatever else was refused', async () => {
    const reply = cancelled(
      { Code: 'ConditionalCheckFailed', Item: STANDING },
      'ConditionalCheckFailed',
      NONE,
    );
    const { store, call } = await within([reply]);
    expect(await store(CHUNK, IF_ABSENT, call)).toMatchObject({
      stored: false,
      standing: { sk: 7, version: 'v0' },
    });
  });

  it("was cancelled if one of the caller's conditions did not hold; the reasons are those of his items", async () => {
    const Item = { id: { S: 'o1' }, total: { N: '5' } };
    const { store, call } = await within([cancelled(NONE, { Code: 'ConditionalCheckFailed', Item }, NONE)]);
    const result = await store(CHUNK, IF_ABSENT, call);
    expect(result).toMatchObject({ stored: 'cancelled' });
    const cause = result.stored === 'cancelled' ? result.cause : undefined;
    expect(cause).toBeInstanceOf(TransactionCancelledError);
    expect(cause).toMatchObject({
      message: 'The transaction was cancelled and nothing was stored (item 0: ConditionalCheckFailed)',
      reasons: [{ code: 'ConditionalCheckFailed', item: Item }, undefined],
    });
  });

  it('was cancelled even if something else was in conflict at that moment', async () => {
    const { store, call } = await within([cancelled('TransactionConflict', 'ConditionalCheckFailed', NONE)]);
    expect(await store(CHUNK, IF_ABSENT, call)).toMatchObject({ stored: 'cancelled' });
  });

  for (const [what, reply] of Object.entries({
    'a conflict at our item': cancelled('TransactionConflict', NONE, NONE),
    "a conflict at the caller's": cancelled(NONE, NONE, 'TransactionConflict'),
    'a table that takes no more': cancelled(NONE, 'ProvisionedThroughputExceeded', NONE),
    'a throttle': cancelled(NONE, 'ThrottlingError', NONE),
    'a refusal without reasons': cancelled(),
    'an earlier attempt that is still at work': refusal('TransactionInProgressException'),
    'a throttled request': refusal('ThrottlingException'),
  })) {
    it(`did nothing and may be sent again after ${what}`, async () => {
      const { store, server, call } = await within([reply]);
      const fault = await faultOf(store(CHUNK, IF_ABSENT, call));
      expect(fault).toMatchObject({ kind: 'throttled', mayHaveHappened: false });
      expect(server.requests).toHaveLength(1);
    });
  }

  for (const [what, reply] of Object.entries({
    'a request that DynamoDB does not understand': refusal('ValidationException', 'no such operator'),
    'a number that is none': refusal('SerializationException'),
    'a table that is not there': refusal('ResourceNotFoundException'),
    'a value that an update cannot work on': cancelled(NONE, NONE, {
      Code: 'ValidationError',
      Message: 'An operand in the update expression has an incorrect data type',
    }),
  })) {
    it(`is the caller's mistake, with the cause: ${what}`, async () => {
      const { store, call } = await within([reply]);
      const result = await store(CHUNK, IF_ABSENT, call);
      const cause = result.stored === 'cancelled' ? (result.cause as MillraceError) : undefined;
      expect(cause).toMatchObject({ code: 'INVALID_REQUEST' });
      expect(cause?.cause).toBeInstanceOf(Error);
    });
  }

  it('is refused if DynamoDB finds fault with our own item', async () => {
    const { store, call } = await within([
      cancelled({ Code: 'ValidationError', Message: 'why' }, NONE, NONE),
    ]);
    expect(await faultOf(store(CHUNK, IF_ABSENT, call))).toMatchObject({ kind: 'refused' });
  });

  it('is refused without the right to write there', async () => {
    const { store, call } = await within([refusal('AccessDeniedException')]);
    expect(await faultOf(store(CHUNK, IF_ABSENT, call))).toMatchObject({ kind: 'refused' });
  });

  for (const silence of ['reset', 'reset in the body', 'hang', 'hang in the body'] as const) {
    it(`may have been carried out if its answer is lost (${silence})`, async () => {
      const { store, server, clock, call } = await within([silence]);
      const fault = faultOf(store(CHUNK, IF_ABSENT, call));
      await server.arrived(1);
      if (silence.startsWith('hang')) clock.advance(2_000);
      expect(await fault).toMatchObject({ kind: 'interrupted', mayHaveHappened: true });
      expect(call.meter.usage).toMatchObject({ writeUnits: 2, tableWrites: 1 });
    });
  }
});

describe('ruling a transaction out', () => {
  it('uses up its request token with a check of its own condition, for two units', async () => {
    const { ruleOut, server, call } = await within([{}]);
    expect(await ruleOut(CHUNK, { kind: 'ifVersion', version: 'v0' }, call)).toEqual({ kind: 'ruled out' });
    expect(JSON.parse(String(server.requests[0]?.body))).toEqual({
      ClientRequestToken: 'v1',
      TransactItems: [
        {
          ConditionCheck: {
            TableName: 'hot',
            Key: { pk: { S: 't:0' }, sk: { N: '7' } },
            ConditionExpression: 'v = :version',
            ExpressionAttributeValues: { ':version': { S: 'v0' } },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          },
        },
      ],
    });
    expect(call.meter.usage).toMatchObject({ writeUnits: 2, tableWrites: 1 });
  });

  it('tells what stands there, or that the token is used up already', async () => {
    const reply = cancelled({ Code: 'ConditionalCheckFailed', Item: STANDING });
    const { ruleOut, call } = await within([reply, refusal('IdempotentParameterMismatchException')]);
    expect(await ruleOut(CHUNK, IF_ABSENT.condition, call)).toMatchObject({
      kind: 'standing',
      standing: { version: 'v0' },
    });
    expect(await ruleOut(CHUNK, IF_ABSENT.condition, call)).toEqual({ kind: 'open' });
  });

  it('can be interrupted, or come too early, and is a fault then', async () => {
    const replies = ['reset', refusal('TransactionInProgressException'), cancelled('TransactionConflict')];
    const { ruleOut, call } = await within(replies as Reply[]);
    for (const kind of ['interrupted', 'throttled', 'throttled']) {
      expect(await faultOf(ruleOut(CHUNK, IF_ABSENT.condition, call))).toMatchObject({ kind });
    }
  });
});

describe('items that no transaction takes', () => {
  const put = (TableName: string): TransactWriteItem => ({ Put: { TableName, Item: { id: { S: '1' } } } });
  const cases: Readonly<Record<string, unknown>> = {
    none: [],
    'one more than fits beside ours': Array.from({ length: 100 }, () => ORDER),
    'no list': ORDER,
    'an item without an action': [{}],
    'an item with two actions': [{ ...ORDER, ...STOCK }],
    'an action without a table': [{ Put: { Item: {} } }],
    'a hole': [undefined],
    "the log's hot table": [put('hot')],
    "the log's catalog": [ORDER, put('catalog')],
    "the log's table by its ARN": [put('arn:aws:dynamodb:us-east-1:123456789012:table/hot')],
    'a plain value as a key': [{ Delete: { TableName: 't', Key: { id: 'o1' } } }],
    'a plain value in an item': [{ Put: { TableName: 't', Item: { id: { S: '1' }, n: 5 } } }],
    'a value of two types': [{ Put: { TableName: 't', Item: { id: { S: '1', N: '1' } } } }],
    'what cannot be copied': [{ ConditionCheck: { TableName: 't', Key: { id: { S: () => 1 } } } }],
  };
  const client = {} as DynamoDBClient;
  const clock = { wallMs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() };
  const transactions = dynamoTransactions({ client, clock, hotTable: 'hot', catalogTable: 'catalog' });

  for (const [what, items] of Object.entries(cases)) {
    it(`are refused before anything is sent: ${what}`, () => {
      for (const prepare of [transactions.hot, transactions.catalog]) {
        expect(() => prepare(items as TransactWriteItem[])).toThrow(MillraceError);
        expect(() => prepare(items as TransactWriteItem[])).toThrow(
          expect.objectContaining({ code: 'INVALID_REQUEST' }),
        );
      }
    });
  }

  it('99 are taken', () => {
    const items = Array.from({ length: 99 }, () => ORDER);
    expect(transactions.hot(items).store).toBeTypeOf('function');
  });
});
