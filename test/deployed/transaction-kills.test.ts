import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TransactionCancelledError } from '../../lib/adapters/dynamodb/index.ts';
import type { Millrace } from '../../lib/client/millrace.ts';
import { type Business, createBusiness } from '../support/business-on-dynamodb.ts';
import { createTables, type EmulatedTables } from '../tools/aws-storage.ts';
import { type DynamodbLocal, startDynamodbLocal } from '../tools/dynamodb-local.ts';
import { type Death, MOMENTS } from './support/death.ts';
import { type Life, live } from './support/dying-library.ts';
import { countLetters, openLibrary, type Place, placeOrder } from './support/library-on-dynamodb.ts';

const LETTERS = 3;
const SCRIPT = join(import.meta.dirname, 'support/dying-process.ts');

let server: DynamodbLocal;
let tables: EmulatedTables;
let business: Business;
let place: Place;
let millrace: Millrace;

beforeAll(async () => {
  server = await startDynamodbLocal();
  tables = await createTables(server.endpoint);
  business = await createBusiness(tables.client);
  const { hotTable, catalogTable } = tables;
  place = { endpoint: server.endpoint, hotTable, catalogTable, businessTable: business.table };
  millrace = await openLibrary(place);
  await millrace.admin.createTopic({ name: 'orders', partitionCount: 2 });
  await millrace.admin.createTopic({ name: 'letters' });
  const letters = Array.from({ length: LETTERS }, (_, n) => ({ topic: 'letters', value: `letter ${n}` }));
  await millrace.producer().sendBatch(letters);
});

afterAll(async () => {
  await millrace?.close();
  tables?.close();
  await server?.stop();
});

interface Victim {
  readonly name: string;
  readonly death: Death;
}

/** One for each moment of every request that an undisturbed one makes. */
function victimsOf(role: string, requestCount: number): Victim[] {
  return MOMENTS.flatMap((moment) =>
    Array.from({ length: requestCount }, (_, atRequest) => ({
      name: `${role} ${moment} ${atRequest}`,
      death: { atRequest, moment },
    })),
  );
}

async function eachOf<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const worker = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Answers how many requests the process made, or undefined if it was killed. */
function runProcess(order: string, death?: Death): Promise<number | undefined> {
  const given = JSON.stringify({ ...place, order, death });
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SCRIPT, given], { timeout: 60_000 }, (error, stdout) => {
      if (error === null) resolve(Number(stdout));
      else if (error.signal === 'SIGKILL') resolve(undefined);
      else reject(error);
    });
  });
}

/** How often the log tells of each order. */
async function eventCounts(): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const places = [0, 1].map((partition) => ({ topic: 'orders', partition }));
  const ends = await Promise.all(places.map((at) => millrace.admin.listOffsets({ ...at, at: 'latest' })));
  let left = ends.reduce((sum, { offset }) => sum + offset, 0);
  const consumer = millrace.consumer({ autoOffsetReset: 'earliest' });
  await consumer.assign(places);
  for await (const { value } of consumer) {
    counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
    left -= 1;
    if (left === 0) break;
  }
  await consumer.close();
  return counts;
}

/**
 * What a user's own table and the log say of the same moment: read until the table is the same before and after, because
 * what the dead had sent may arrive between the two looks.
 */
async function together<T>(
  look: () => Promise<T>,
): Promise<{ readonly counts: ReadonlyMap<string, number>; readonly found: T }> {
  for (;;) {
    const before = await business.counts();
    const found = await look();
    const counts = await business.counts();
    if (isDeepStrictEqual(before, counts)) return { counts, found };
  }
}

async function ordersAndEvents(names: readonly string[]): Promise<Map<string, readonly [number, number]>> {
  const { counts, found } = await together(eventCounts);
  return new Map(names.map((name) => [name, [counts.get(`times ${name}`) ?? 0, found.get(name) ?? 0]]));
}

/** How far each group has committed. */
async function positionsOf(groups: readonly string[]): Promise<readonly number[]> {
  const positions = await Promise.all(groups.map((group) => millrace.admin.groupOffsets(group)));
  return positions.map(([position]) => position?.offset ?? 0);
}

describe('somebody who dies at any moment of any request', () => {
  it('as a process leaves an order and its event or neither; placed again, it is there once', async () => {
    const requestCount = (await runProcess('undisturbed')) ?? 0;
    const victims = victimsOf('order', requestCount);
    await eachOf(victims, 3, async ({ name, death }) => {
      expect(await runProcess(name, death)).toBeUndefined();
    });

    const names = victims.map(({ name }) => name);
    const left = await ordersAndEvents(names);
    for (const [name, [order, event]] of left) expect([name, event]).toEqual([name, order]);
    // Some died before and some behind the point of no return, or this would prove little.
    expect(new Set([...left.values()].map(([order]) => order))).toEqual(new Set([0, 1]));

    await eachOf(names, 3, async (name) => {
      const end = await placeOrder(millrace, place.businessTable, name).catch((error: unknown) => error);
      expect(end instanceof TransactionCancelledError).toBe(left.get(name)?.[0] === 1);
    });
    for (const counts of (await ordersAndEvents(names)).values()) expect(counts).toEqual([1, 1]);
  });

  it('as a library leaves a letter counted and its position stored or neither; others count the rest once', async () => {
    const run = (name: string, death?: Death): Promise<Life> =>
      live(place, death, (own) => countLetters(own, place.businessTable, { name, letterCount: LETTERS }));
    const undisturbed = await run('undisturbed');
    await undisturbed.bury();
    const victims = victimsOf('letters', undisturbed.requestCount);
    const lives: Life[] = [];
    await eachOf(victims, 8, async ({ name, death }) => {
      lives.push(await run(name, death));
    });

    const names = victims.map(({ name }) => name);
    const { counts, found: positions } = await together(() => positionsOf(names));
    const counted = names.map((name) => counts.get(name) ?? 0);
    expect(names.map((name, index) => [name, positions[index]])).toEqual(
      names.map((name, index) => [name, counted[index]]),
    );
    expect(new Set(counted)).toEqual(new Set([0, 1, 2, 3]));

    const unfinished = names.filter((_, index) => (counted[index] ?? 0) < LETTERS);
    await eachOf(unfinished, 16, (name) =>
      countLetters(millrace, place.businessTable, { name, letterCount: LETTERS }),
    );
    const after = await business.counts();
    for (const name of names) {
      const each = Array.from({ length: LETTERS }, (_, n) => after.get(`${name}/${n}`));
      expect([name, after.get(name), each]).toEqual([name, LETTERS, [1, 1, 1]]);
    }
    await Promise.all(lives.map((life) => life.bury()));
  });
});
