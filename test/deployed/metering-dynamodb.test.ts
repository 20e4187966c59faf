import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoTransactions } from '../../lib/adapters/dynamodb/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { AttributeValue, Item } from '../../lib/storage/table.ts';
import { itemBytes } from '../../lib/storage/units.ts';
import { caller, IF_ABSENT, ifVersion } from '../contract/support.ts';
import { addOne, createBusiness } from '../support/business-on-dynamodb.ts';
import { createTables, type EmulatedTables } from '../tools/aws-storage.ts';
import { startDynamodbLocal } from '../tools/dynamodb-local.ts';
import { startMinistack } from '../tools/ministack.ts';

/** Each is padded to the last byte of a unit and one beyond it, so a size that is off by one byte shows. */
const VALUES: Readonly<Record<string, AttributeValue>> = {
  text: 'Grüße, 世界 😀',
  zero: 0,
  hundred: 100,
  negative: -42,
  fraction: 0.05,
  mixed: 100.01,
  largest: Number.MAX_SAFE_INTEGER,
  huge: 1.5e100,
  tiny: -2.5e-100,
  timestamp: 1_791_234_567_890,
  yes: true,
  nothing: null,
  bytes: new Uint8Array(37),
  list: [1, 'two', null, [], [true]],
  map: { inner: { deep: [1, { x: null }] }, empty: {}, a: -1.25 },
};

const random = systemRandom();

interface Consumed {
  readonly TableName?: string;
  readonly CapacityUnits?: number;
}

interface Metered extends EmulatedTables {
  /** The units that the emulator says the last request took. */
  said(): number | undefined;
  stop(): Promise<void>;
}

async function metered(start: () => Promise<{ endpoint: string; stop(): Promise<void> }>): Promise<Metered> {
  const server = await start();
  const tables = await createTables(server.endpoint);
  let units: number | undefined;
  tables.client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next({
        ...args,
        input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } as never,
      });
      const { ConsumedCapacity: consumed } = answer.output as { ConsumedCapacity?: Consumed | Consumed[] };
      // A transaction is told table by table.
      const ours = Array.isArray(consumed)
        ? consumed.find(({ TableName }) => TableName === tables.hotTable)
        : consumed;
      units = ours?.CapacityUnits;
      return answer;
    },
    { step: 'initialize' },
  );
  return {
    ...tables,
    said: () => units,
    stop: async () => {
      tables.close();
      await server.stop();
    },
  };
}

function chunkOf(bytes: number, attributes: Item<number>['attributes'] = {}): Item<number> {
  const bare = { pk: random.id(), sk: 1_234_567, version: random.id(), attributes };
  const padding = bytes - itemBytes({ ...bare, attributes: { ...attributes, zz: new Uint8Array(0) } });
  return { ...bare, attributes: { ...attributes, zz: new Uint8Array(padding) } };
}

function writeClaims(tables: () => Metered): void {
  for (const [name, value] of Object.entries(VALUES)) {
    it(`a put with ${name} takes the units that the meter charges, to the byte`, async () => {
      for (const [bytes, units] of [
        [1_024, 1],
        [1_025, 2],
      ] as const) {
        const call = caller();
        await tables().hot.put(chunkOf(bytes, { [name]: value }), IF_ABSENT, call);
        expect([call.meter.usage.writeUnits, tables().said()]).toEqual([units, units]);
      }
    });
  }

  it('a replacement and a delete take the units that the meter charges', async () => {
    const large = chunkOf(4_097);
    const small = { ...chunkOf(500), pk: large.pk };
    await tables().hot.put(large, IF_ABSENT, caller());
    const replacing = caller();
    await tables().hot.put(small, ifVersion(large.version), replacing);
    expect([replacing.meter.usage.writeUnits, tables().said()]).toEqual([5, 5]);

    const other = chunkOf(3_072);
    await tables().hot.put(other, IF_ABSENT, caller());
    const deleting = caller();
    await tables().hot.delete(other, { ifVersion: other.version }, deleting);
    expect([deleting.meter.usage.writeUnits, tables().said()]).toEqual([3, 3]);
  });
}

function transactionClaims(tables: () => Metered): void {
  it('a put within a transaction takes twice the units of a put, and the meter charges them', async () => {
    const { client, hotTable, catalogTable } = tables();
    const business = await createBusiness(client);
    const transactions = dynamoTransactions({ client, hotTable, catalogTable, clock: systemClock() });
    for (const [bytes, units] of [
      [1_024, 2],
      [1_025, 4],
      [8_192, 16],
    ] as const) {
      const call = caller();
      const { store } = transactions.hot([addOne(business.table, 'stock')]);
      await store(chunkOf(bytes), IF_ABSENT, call);
      expect([call.meter.usage.writeUnits, tables().said()]).toEqual([units, units]);
    }
  });

  it('ruling one out takes two units', async () => {
    const { client, hotTable, catalogTable } = tables();
    const business = await createBusiness(client);
    const transactions = dynamoTransactions({ client, hotTable, catalogTable, clock: systemClock() });
    const call = caller();
    const { ruleOut } = transactions.hot([addOne(business.table, 'stock')]);
    expect(await ruleOut(chunkOf(5_000), IF_ABSENT.condition, call)).toEqual({ kind: 'ruled out' });
    expect([call.meter.usage.writeUnits, tables().said()]).toEqual([2, 2]);
  });
}

function readClaims(tables: () => Metered): void {
  it('a get takes the units that the meter charges, to the byte', async () => {
    for (const [bytes, units] of [
      [4_096, 1],
      [4_097, 2],
    ] as const) {
      const chunk = chunkOf(bytes);
      await tables().hot.put(chunk, IF_ABSENT, caller());
      for (const consistent of [true, false]) {
        const call = caller();
        await tables().hot.get(chunk, { consistent }, call);
        const charged = consistent ? units : units / 2;
        expect([call.meter.usage.readUnits, tables().said()]).toEqual([charged, charged]);
      }
    }
  });

  it('a query takes the units of all its items together', async () => {
    const pk = random.id();
    for (let sk = 0; sk < 20; sk += 1) {
      await tables().hot.put({ ...chunkOf(900 + sk * 100), pk, sk }, IF_ABSENT, caller());
    }
    for (const [limit, consistent] of [
      [1, false],
      [7, true],
      [20, true],
      [20, false],
    ] as const) {
      const call = caller();
      await tables().hot.query(pk, { limit, consistent }, call);
      expect(call.meter.usage.readUnits).toBe(tables().said());
    }
  });
}

/** Lost puts are not compared: neither server says what a failed condition took. */
for (const [name, start, { reads, transactions }] of [
  // DynamoDB Local says four units for a small item in a transaction, where AWS documents two.
  ['DynamoDB Local', startDynamodbLocal, { reads: true, transactions: false }],
  // MiniStack says 0.5 or 1 read unit whatever the size.
  ['MiniStack', () => startMinistack({ auth: true, tls: false }), { reads: false, transactions: true }],
] as const) {
  describe(`the meter against ${name}`, () => {
    let opened: Metered | undefined;
    beforeAll(async () => {
      opened = await metered(start);
    });
    afterAll(async () => {
      await opened?.stop();
    });
    const tables = (): Metered => {
      if (opened === undefined) throw new Error(`${name} is not running`);
      return opened;
    };
    writeClaims(tables);
    if (transactions) transactionClaims(tables);
    // An empty answer takes 0 units there and half a unit on AWS, so none is asked for.
    if (reads) readClaims(tables);
  });
}
