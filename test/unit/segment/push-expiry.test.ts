import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import { appendedMs, type Chunk, chunkFromItem, partitionKey } from '../../../lib/partition/chunk.ts';
import { ALL_RULES } from '../../../lib/rules.ts';
import { readIncident } from '../../../lib/segment/incident.ts';
import { type PushReport, pushExpiry } from '../../../lib/segment/seal/push-expiry.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { batchOf, memoryStorage, newCall, textOf } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const DAY_MS = 86_400_000;
const hotRetentionMs = 7 * DAY_MS;

let clock: ManualClock;
let storage: LogOptions;
let log: Log;
let pk: string;
const call = (): Call => newCall(clock);

beforeEach(async () => {
  clock = manualClock();
  storage = memoryStorage(clock);
  log = await openLog(storage, call());
  await log.createTopic({ name: 'orders' }, call());
  pk = partitionKey((await log.describeTopic('orders', call())).topicId, 0);
});

const produce = (value: string): ReturnType<Log['produce']> =>
  log.produce({ topic: 'orders', partition: 0, batches: batchOf(value) }, call());

const push = (parts = engineParts(storage)): Promise<PushReport> =>
  pushExpiry(parts, { pk, hotRetentionMs }, call());

async function chunks(): Promise<Chunk[]> {
  const page = await storage.hot.query(pk, { limit: 100, consistent: true }, call());
  return page.items.map(chunkFromItem);
}

async function remove(offset: number): Promise<void> {
  const { item } = await storage.hot.get({ pk, sk: offset }, { consistent: true }, call());
  await storage.hot.delete({ pk, sk: offset }, { ifVersion: item?.version ?? '' }, call());
}

describe('an unsealed chunk', () => {
  it('is left alone in the first half of its life', async () => {
    await produce('a');
    clock.advance(3 * DAY_MS);
    expect(await push()).toMatchObject({ chunkCount: 1, pushedCount: 0, isComplete: true });
  });

  it('past half its life gets a whole life from now on, with the same bytes under a fresh version', async () => {
    await produce('a');
    const [before] = await chunks();
    clock.advance(4 * DAY_MS);
    expect(await push()).toMatchObject({ pushedCount: 1 });
    const [after] = await chunks();
    expect(after?.expiresAtSeconds).toBe(Math.ceil((clock.wallMs() + hotRetentionMs) / 1000));
    expect(after?.version).not.toBe(before?.version);
    expect(after?.body).toEqual(before?.body);
    expect(after?.appendedAs).toEqual({
      version: before?.version,
      expiresAtSeconds: before?.expiresAtSeconds,
    });
  });

  it('that is pushed out twice still tells when it was appended', async () => {
    await produce('a');
    const [before] = await chunks();
    for (let times = 0; times < 2; times += 1) {
      clock.advance(4 * DAY_MS);
      expect(await push()).toMatchObject({ pushedCount: 1 });
    }
    const [after] = await chunks();
    expect(after?.appendedAs?.expiresAtSeconds).toBe(before?.expiresAtSeconds);
    const appended = after === undefined ? 0 : appendedMs(after, hotRetentionMs);
    expect(Math.abs(appended - (clock.wallMs() - 8 * DAY_MS))).toBeLessThan(1_000);
  });

  it('is not pushed when the rule is off', async () => {
    await produce('a');
    clock.advance(6 * DAY_MS);
    const rules = { ...ALL_RULES, expiryPushedOut: false };
    expect(await push(engineParts({ ...storage, rules }))).toMatchObject({ pushedCount: 0 });
  });

  it('that is sealed already keeps its expiry', async () => {
    await produce('a');
    clock.advance(4 * DAY_MS);
    const settings = { segmentBytes: 1e9, segmentMs: DAY_MS, hotRetentionMs };
    await sealOnce(engineParts(storage), pk, settings, call());
    expect(await push()).toMatchObject({ sealedEnd: 1, chunkCount: 0, pushedCount: 0 });
  });

  it('goes on where a run was cut off, and the run says so', async () => {
    await produce('a');
    clock.advance(4 * DAY_MS);
    const late = pushExpiry(engineParts(storage), { pk, hotRetentionMs }, newCall(clock, { ms: 0 }));
    expect(await late).toMatchObject({ isComplete: false, pushedCount: 0 });
    expect(await push()).toMatchObject({ isComplete: true, pushedCount: 1 });
  });
});

it('a writer whose answer was lost recognises its chunk although the expiry was pushed out meanwhile', async () => {
  let isLost = true;
  const hot: LogOptions['hot'] = {
    ...storage.hot,
    put: async (item, options, asked) => {
      const result = await storage.hot.put(item, options, asked);
      if (!isLost) return result;
      isLost = false;
      // Raised a moment ago: by the new value the chunk looks old.
      const raised = { pk, hotRetentionMs: 30 * DAY_MS };
      expect(await pushExpiry(engineParts(storage), raised, call())).toMatchObject({ pushedCount: 1 });
      throw new StorageFault('throttled', 'the answer was lost', { mayHaveHappened: true });
    },
  };
  const awake = { ...clock, sleep: async () => undefined };
  const other = await openLog({ ...storage, hot, clock: awake }, call());
  const produced = await other.produce({ topic: 'orders', partition: 0, batches: batchOf('a') }, call());
  expect(produced.baseOffset).toBe(0);
  const { batches } = await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, call());
  expect(textOf(batches)).toEqual(['0:a']);
});

describe('a gap in the hot chain', () => {
  beforeEach(async () => {
    for (const value of ['a', 'b', 'c']) await produce(value);
    await remove(1);
  });

  it('is an incident of the partition, and chunks on both sides of it are still kept', async () => {
    clock.advance(4 * DAY_MS);
    const report = await push();
    expect(report).toMatchObject({ pushedCount: 2, incident: { kind: 'gap', offset: 1, nextOffset: 2 } });
    expect(await readIncident(storage.catalog, pk, call())).toEqual(report.incident);
  });

  it('keeps the time at which it was found first', async () => {
    const { incident } = await push();
    clock.advance(DAY_MS);
    expect((await push()).incident).toEqual(incident);
  });

  it('is noted by the sealer that meets it, and told of by the partition', async () => {
    clock.advance(4 * DAY_MS);
    const settings = { segmentBytes: 1e9, segmentMs: DAY_MS, hotRetentionMs };
    await expect(sealOnce(engineParts(storage), pk, settings, call())).rejects.toThrow('gap at offset 1');
    const incident = { kind: 'gap', offset: 1, nextOffset: 2, foundMs: clock.wallMs() };
    const described = await log.describePartition({ topic: 'orders', partition: 0 }, call());
    expect(described).toEqual({ incident, leaderEpochs: [] });
  });

  it('ends when the chain is whole again', async () => {
    await push();
    const [first] = await chunks();
    const item = (await storage.hot.get({ pk, sk: 0 }, { consistent: true }, call())).item;
    if (first === undefined || item === undefined) throw new Error('there is no chunk');
    await storage.hot.put({ ...item, sk: 1 }, { condition: { kind: 'ifAbsent' } }, call());
    expect((await push()).incident).toBeUndefined();
    expect(await readIncident(storage.catalog, pk, call())).toBeUndefined();
  });

  it('below the log start is none: those records were given up', async () => {
    const start = { pk, sk: 'start', version: 'v', attributes: { f: 1, s: 2 } };
    await storage.catalog.put(start, { condition: { kind: 'ifAbsent' } }, call());
    expect((await push()).incident).toBeUndefined();
  });
});

it('a chain that begins behind the sealed end is an incident too', async () => {
  for (const value of ['a', 'b']) await produce(value);
  await remove(0);
  expect(await push()).toMatchObject({ incident: { offset: 0, nextOffset: 1 } });
});
