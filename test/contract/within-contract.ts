import { GetItemCommand, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DynamoAttempts,
  dynamoTransactions,
  TransactionCancelledError,
} from '../../lib/adapters/dynamodb/index.ts';
import { systemClock } from '../../lib/adapters/system/index.ts';
import { MillraceError } from '../../lib/errors.ts';
import type { Item } from '../../lib/storage/table.ts';
import type { WithinResult } from '../../lib/storage/within.ts';
import { addOne, createBusiness } from '../support/business-on-dynamodb.ts';
import type { EmulatedTables } from '../tools/aws-storage.ts';
import {
  type Claim,
  caller,
  claimsBut,
  expectItem,
  faultOf,
  freshName,
  type Gaps,
  IF_ABSENT,
  ifVersion,
  itemAt,
} from './support.ts';

export type OpenEmulator = Omit<EmulatedTables, 'close'> & { close(): Promise<void> };

interface Opened extends OpenEmulator {
  readonly transactions: DynamoAttempts;
  /** A table of the caller's, with the partition key `id`. */
  readonly business: string;
}

/** What a service that speaks DynamoDB's API must make of an item of ours within a caller's transaction. */
export function describeWithinContract(
  name: string,
  open: () => Promise<OpenEmulator>,
  gaps: Gaps = {},
): void {
  describe(`a transaction on ${name}`, () => {
    let opened: Opened | undefined;
    beforeAll(async () => {
      const tables = await open();
      const { client, hotTable, catalogTable } = tables;
      const clock = systemClock();
      const transactions = dynamoTransactions({
        client,
        clock,
        hotTable,
        catalogTable,
        transactionMsMax: 20_000,
      });
      opened = { ...tables, transactions, business: (await createBusiness(client)).table };
    });
    afterAll(() => opened?.close());
    const scene = (): Opened => {
      if (opened === undefined) throw new Error(`${name} is not open`);
      return opened;
    };
    acceptedClaims(scene);
    refusedClaims(scene);
    ruleOutClaims(scene);
    mistakeClaims(scene, claimsBut(gaps));
  });
}

async function businessItem({ client, business }: Opened, id: string): Promise<object | undefined> {
  const key = { TableName: business, Key: { id: { S: id } }, ConsistentRead: true };
  return (await client.send(new GetItemCommand(key))).Item;
}

function putNew(TableName: string, id: string): TransactWriteItem {
  return {
    Put: {
      TableName,
      Item: { id: { S: id }, what: { S: 'order' } },
      ConditionExpression: 'attribute_not_exists(id)',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  };
}

function chunkAt(sk = 0): Item<number> {
  return itemAt(freshName(), sk, { b: new Uint8Array([1, 2, 3]) });
}

async function isThere({ hot }: Opened, chunk: Item<number>): Promise<boolean> {
  return (await hot.get(chunk, { consistent: true }, caller())).item !== undefined;
}

function acceptedClaims(scene: () => Opened): void {
  it('stores both parts', async () => {
    const { transactions, business, hot } = scene();
    const [chunk, order, stock] = [chunkAt(), freshName(), freshName()];
    const { store } = transactions.hot([putNew(business, order), addOne(business, stock)]);
    expect(await store(chunk, IF_ABSENT, caller())).toMatchObject({ stored: true });
    expectItem((await hot.get(chunk, { consistent: true }, caller())).item, chunk);
    expect(await businessItem(scene(), order)).toMatchObject({ what: { S: 'order' } });
    expect(await businessItem(scene(), stock)).toMatchObject({ n: { N: '1' } });
  });

  it('replaces an item of the catalog by its version', async () => {
    const { transactions, business, catalog } = scene();
    const [before, stock] = [itemAt(freshName(), 'orders:00000', { o: 5 }), freshName()];
    await catalog.put(before, IF_ABSENT, caller());
    const after = { ...itemAt(before.pk, before.sk, { o: 6 }) };
    const { store } = transactions.catalog([addOne(business, stock)]);
    expect(await store(after, ifVersion(before.version), caller())).toMatchObject({ stored: true });
    expect(
      await store({ ...after, version: freshName() }, ifVersion(before.version), caller()),
    ).toMatchObject({
      stored: false,
      standing: { version: after.version, attributes: { o: 6 } },
    });
    expect(await businessItem(scene(), stock)).toMatchObject({ n: { N: '1' } });
  });

  it('is carried out once however often it is sent', async () => {
    const { transactions, business } = scene();
    const [chunk, stock] = [chunkAt(), freshName()];
    const { store } = transactions.hot([addOne(business, stock)]);
    for (let n = 0; n < 3; n += 1) {
      const result = await store(chunk, IF_ABSENT, caller());
      const isOwn = result.stored === true || (result.stored === false && own(result, chunk));
      expect(isOwn).toBe(true);
    }
    expect(await businessItem(scene(), stock)).toMatchObject({ n: { N: '1' } });
  });

  it('has one winner among those that race for a place, and only his order is there', async () => {
    const { transactions, business, hot } = scene();
    const pk = freshName();
    const racers = Array.from({ length: 8 }, () => ({ chunk: itemAt(pk, 0), order: freshName() }));
    const results = await Promise.allSettled(
      racers.map(({ chunk, order }) =>
        transactions.hot([putNew(business, order)]).store(chunk, IF_ABSENT, caller()),
      ),
    );
    const standing = (await hot.get({ pk, sk: 0 }, { consistent: true }, caller())).item;
    for (const [index, { chunk, order }] of racers.entries()) {
      const result = results[index];
      const hasWon = result?.status === 'fulfilled' && result.value.stored === true;
      expect(hasWon).toBe(standing?.version === chunk.version);
      expect((await businessItem(scene(), order)) !== undefined).toBe(hasWon);
    }
  });
}

function ruleOutClaims(scene: () => Opened): void {
  it('is refused for good once it has been ruled out, and is told so again', async () => {
    const { transactions, business } = scene();
    const [chunk, order] = [chunkAt(), freshName()];
    const { store, ruleOut } = transactions.hot([putNew(business, order)]);
    const condition = IF_ABSENT.condition;
    expect(await ruleOut(chunk, condition, caller())).toEqual({ kind: 'ruled out' });
    expect(await faultOf(store(chunk, IF_ABSENT, caller()))).toMatchObject({ kind: 'refused' });
    expect(await ruleOut(chunk, condition, caller())).toEqual({ kind: 'ruled out' });
    expect([await isThere(scene(), chunk), await businessItem(scene(), order)]).toEqual([false, undefined]);
    // Another item may take the place.
    const other = itemAt(chunk.pk, chunk.sk);
    expect(await store(other, IF_ABSENT, caller())).toMatchObject({ stored: true });
  });

  it('can be ruled out after it was cancelled', async () => {
    const { transactions, business } = scene();
    const [chunk, order] = [chunkAt(), freshName()];
    const { store, ruleOut } = transactions.hot([putNew(business, order)]);
    await store(chunkAt(), IF_ABSENT, caller());
    expect(await store(chunk, IF_ABSENT, caller())).toMatchObject({ stored: 'cancelled' });
    expect(await ruleOut(chunk, IF_ABSENT.condition, caller())).toEqual({ kind: 'ruled out' });
  });

  it('is not ruled out where it has been carried out, or where another stands', async () => {
    const { transactions, business } = scene();
    const [chunk, stock] = [chunkAt(), freshName()];
    const { store, ruleOut } = transactions.hot([addOne(business, stock)]);
    await store(chunk, IF_ABSENT, caller());
    expect(await ruleOut(chunk, IF_ABSENT.condition, caller())).toEqual({ kind: 'open' });
    const late = itemAt(chunk.pk, chunk.sk);
    expect(await ruleOut(late, IF_ABSENT.condition, caller())).toMatchObject({
      kind: 'standing',
      standing: { version: chunk.version },
    });
  });

  it('is ruled out by the version that it replaces', async () => {
    const { transactions, business, catalog } = scene();
    const before = itemAt(freshName(), 'orders:00000', { o: 5 });
    await catalog.put(before, IF_ABSENT, caller());
    const { ruleOut } = transactions.catalog([addOne(business, freshName())]);
    const [after, other] = [itemAt(before.pk, before.sk), itemAt(before.pk, before.sk)];
    const { condition } = ifVersion(before.version);
    expect(await ruleOut(after, condition, caller())).toEqual({ kind: 'ruled out' });
    expect(await ruleOut(other, ifVersion('another').condition, caller())).toMatchObject({
      kind: 'standing',
      standing: { version: before.version },
    });
  });
}

function own(result: WithinResult<number>, item: Item<number>): boolean {
  return result.stored === false && result.standing?.version === item.version;
}

function refusedClaims(scene: () => Opened): void {
  it('stores neither part where another chunk stands, and tells which', async () => {
    const { transactions, business, hot } = scene();
    const [theirs, order] = [chunkAt(), freshName()];
    await hot.put(theirs, IF_ABSENT, caller());
    const mine = itemAt(theirs.pk, theirs.sk);
    const result = await transactions.hot([putNew(business, order)]).store(mine, IF_ABSENT, caller());
    expect(result).toMatchObject({ stored: false, standing: { version: theirs.version } });
    expect(await businessItem(scene(), order)).toBeUndefined();
  });

  it("stores neither part where the caller's condition does not hold, and tells which and what it met", async () => {
    const { transactions, business } = scene();
    const [chunk, order, stock] = [chunkAt(), freshName(), freshName()];
    const items = [addOne(business, stock), putNew(business, order)];
    await transactions.hot([putNew(business, order)]).store(chunkAt(), IF_ABSENT, caller());
    const result = await transactions.hot(items).store(chunk, IF_ABSENT, caller());
    const cause = result.stored === 'cancelled' ? result.cause : undefined;
    expect(cause).toBeInstanceOf(TransactionCancelledError);
    expect((cause as TransactionCancelledError).reasons).toMatchObject([
      undefined,
      { code: 'ConditionalCheckFailed', item: { id: { S: order }, what: { S: 'order' } } },
    ]);
    expect(await isThere(scene(), chunk)).toBe(false);
    expect(await businessItem(scene(), stock)).toBeUndefined();
  });

  it('has lost where both conditions do not hold', async () => {
    const { transactions, business } = scene();
    const [chunk, order] = [chunkAt(), freshName()];
    const { store } = transactions.hot([putNew(business, order)]);
    await store(chunk, IF_ABSENT, caller());
    const other = itemAt(chunk.pk, chunk.sk);
    expect(await store(other, IF_ABSENT, caller())).toMatchObject({
      stored: false,
      standing: { version: chunk.version },
    });
  });
}

function mistakeClaims(scene: () => Opened, claim: Claim): void {
  const same = freshName();
  const cases: Readonly<Record<string, (table: string) => readonly unknown[]>> = {
    'one key twice': (table) => [putNew(table, same), addOne(table, same)],
    'a table that is not there': () => [putNew('nowhere', same)],
    'an expression that is none': (table) => [
      { Update: { TableName: table, Key: { id: { S: same } }, UpdateExpression: 'GUESS n' } },
    ],
    'a number that is none': (table) => [
      { Put: { TableName: table, Item: { id: { S: same }, n: { N: 'many' } } } },
    ],
    'an item that is too large': (table) => [
      { Put: { TableName: table, Item: { id: { S: same }, b: { B: new Uint8Array(410_000) } } } },
    ],
    'more than 4 MB': (table) =>
      Array.from({ length: 12 }, (_, n) => ({
        Put: { TableName: table, Item: { id: { S: `${same}${n}` }, b: { B: new Uint8Array(390_000) } } },
      })),
    'a key of another table': (table) => [{ Delete: { TableName: table, Key: { nr: { S: same } } } }],
  };
  for (const [what, items] of Object.entries(cases)) {
    claim(`is the caller's mistake, and nothing is stored: ${what}`, async () => {
      const { transactions, business } = scene();
      const chunk = chunkAt();
      const { store } = transactions.hot(items(business) as TransactWriteItem[]);
      const result = await store(chunk, IF_ABSENT, caller());
      const cause = result.stored === 'cancelled' ? result.cause : result;
      expect(cause).toBeInstanceOf(MillraceError);
      expect(cause).toMatchObject({ code: 'INVALID_REQUEST' });
      expect(await isThere(scene(), chunk)).toBe(false);
    });
  }
}
