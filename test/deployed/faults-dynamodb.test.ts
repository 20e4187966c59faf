import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoClient, dynamoTables } from '../../lib/adapters/dynamodb/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import { retryingTable } from '../../lib/storage/retry.ts';
import type { Item, Table } from '../../lib/storage/table.ts';
import { createTables, type EmulatedTables, emulatorConnection } from '../tools/aws-storage.ts';
import { type DynamodbLocal, startDynamodbLocal } from '../tools/dynamodb-local.ts';
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from '../tools/faulty-proxy.ts';

const WRITERS = 8;
const WRITES_EACH = 15;
const SEED = 20_261_122;

const clock = systemClock();
const random = systemRandom();

let server: DynamodbLocal;
let direct: EmulatedTables;
let proxy: FaultyProxy;
let hot: Table<number>;
let catalog: Table<string>;

beforeAll(async () => {
  server = await startDynamodbLocal();
  direct = await createTables(server.endpoint);
  proxy = await startFaultyProxy(server.endpoint, faultsFrom(SEED));
  const client = dynamoClient(emulatorConnection(proxy.endpoint));
  const { hotTable, catalogTable } = direct;
  const tables = dynamoTables({ client, clock, hotTable, catalogTable, writeMsMax: 400, readMsMax: 400 });
  hot = retryingTable(tables.hot, { clock, random });
  catalog = retryingTable(tables.catalog, { clock, random });
});

afterAll(async () => {
  await proxy?.stop();
  direct?.close();
  await server?.stop();
});

/** About every third request is harmed. */
function faultsFrom(seed: number): () => ProxyFault {
  const faults: readonly ProxyFault[] = [
    'throttle',
    'error before',
    'error after',
    'reset before',
    'reset after',
    'silence after',
    { delayMs: 20 },
  ];
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return faults[Math.floor((state / 2 ** 32) * faults.length * 3)] ?? 'none';
  };
}

function caller(): Call {
  return { meter: new Meter(), deadlineMs: clock.monotonicMs() + 120_000 };
}

async function eachWriter(work: (writer: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer)));
}

describe('DynamoDB behind throttles, errors, resets and silence, with retries around the adapter', () => {
  it('every increment of a shared counter is counted once', async () => {
    const key = { pk: 'counter', sk: 'all' };
    const tally = (item: Item<string> | undefined, writer: number): number =>
      Number(item?.attributes[`w${writer}`] ?? 0);
    await catalog.put(
      { ...key, version: random.id(), attributes: {} },
      { condition: { kind: 'ifAbsent' } },
      caller(),
    );

    await eachWriter(async (writer) => {
      let seen = (await catalog.get(key, { consistent: true }, caller())).item;
      // What stood in the way tells whether a write of unknown outcome was ours: nobody else moves our tally.
      while (tally(seen, writer) < WRITES_EACH) {
        const next: Item<string> = {
          ...key,
          version: random.id(),
          attributes: { ...seen?.attributes, [`w${writer}`]: tally(seen, writer) + 1 },
        };
        const condition = { kind: 'ifVersion', version: seen?.version ?? '' } as const;
        const answer = await catalog.put(next, { condition }, caller());
        seen = answer.stored ? next : answer.standing;
      }
    });

    const { item } = await direct.catalog.get(key, { consistent: true }, caller());
    const tallies = Array.from({ length: WRITERS }, (_, writer) => tally(item, writer));
    expect(tallies).toEqual(Array.from({ length: WRITERS }, () => WRITES_EACH));
  });

  it('a chain of conditional puts has no gap, and every acknowledged link once', async () => {
    const pk = 'chain';
    const acknowledged = new Map<string, number>();
    await eachWriter(async (writer) => {
      let tail = 0;
      for (let n = 0; n < WRITES_EACH; ) {
        const link = `${writer}/${n}`;
        const item = { pk, sk: tail, version: random.id(), attributes: { link } };
        const answer = await hot.put(item, { condition: { kind: 'ifAbsent' } }, caller());
        if (answer.stored) {
          acknowledged.set(link, tail);
          n += 1;
        }
        tail += 1;
      }
    });

    const { items } = await direct.hot.query(pk, { limit: 1_000, consistent: true }, caller());
    expect(items.map(({ sk }) => sk)).toEqual(items.map((_, n) => n));
    expect(items).toHaveLength(WRITERS * WRITES_EACH);
    for (const { sk, attributes } of items) expect(acknowledged.get(String(attributes.link))).toBe(sk);
  });

  it('every kind of harm was done', () => {
    expect(Object.keys(proxy.counts).sort()).toEqual([
      'delay',
      'error after',
      'error before',
      'none',
      'reset after',
      'reset before',
      'silence after',
      'throttle',
    ]);
  });
});
