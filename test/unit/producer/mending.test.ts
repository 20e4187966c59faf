import { beforeEach, describe, expect, it } from 'vitest';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { producersKey, putSnapshot } from '../../../lib/producer/snapshot.ts';
import { applyRestore, planRestore } from '../../../lib/segment/restore/restore.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { type Finding, verifyTopic } from '../../../lib/segment/verify/verify.ts';
import type { SortKey, Table } from '../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { memoryStorage, openMemoryLog } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';
import { newScene, type Scene } from './support.ts';

const DAY_MS = 86_400_000;
let clock: ManualClock;
let scene: Scene;
beforeEach(async () => {
  clock = manualClock();
  scene = await newScene({ clock });
});

const one = (sequence: number) => ({ producerId: 1, sequence });

async function sendAll(count: number): Promise<void> {
  const log = await scene.fresh({ producerReplayChunksMax: 4 });
  for (let sequence = 0; sequence < count; sequence += 1) {
    await scene.send(one(sequence), [`v${sequence}`], { on: log });
  }
}

const seal = () =>
  sealOnce(
    engineParts(scene.storage),
    scene.pk,
    { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 7 * DAY_MS },
    scene.call(),
  );

async function findings(storage: LogOptions = scene.storage): Promise<readonly Finding[]> {
  const parts = engineParts(storage);
  const topic = await new TopicCatalog({ ...parts, partitionCountDefault: 1 }).describe('t', scene.call());
  return (await verifyTopic(parts, topic, scene.call())).findings;
}

async function copyAll<S extends SortKey>(
  from: Table<S>,
  to: Table<S>,
  pks: readonly string[],
): Promise<void> {
  for (const pk of pks) {
    const { items } = await from.query(pk, { limit: 1_000, consistent: true }, scene.call());
    for (const item of items) await to.put(item, { condition: { kind: 'ifAbsent' } }, scene.call());
  }
}

const PKS = (): string[] => ['cluster', 'topics', 'producers', scene.pk, producersKey(scene.pk)];

describe('verify', () => {
  it('finds nothing wrong with snapshots, sealed or not, and none', async () => {
    await scene.plain('p');
    expect(await findings()).toEqual([]);
    await sendAll(10);
    expect((await scene.snapshot()).offset).toBeGreaterThan(0);
    await seal();
    await scene.send(one(10), ['x']);
    expect(await findings()).toEqual([]);
  });

  it('reports a snapshot that tells of more than the log holds', async () => {
    await sendAll(3);
    const before = await scene.snapshot();
    const step = { offset: 4, producers: new Map(), before, fences: [] };
    await putSnapshot(engineParts(scene.storage), scene.pk, step, scene.call());
    expect(await findings()).toMatchObject([{ name: 'producers', offset: 4 }]);
  });

  it('reports a snapshot that lacks what is sealed', async () => {
    await sendAll(3);
    await seal();
    const { version = '' } = await scene.snapshot();
    const key = { pk: producersKey(scene.pk), sk: 'snapshot' };
    await scene.storage.catalog.delete(key, { ifVersion: version }, scene.call());
    expect(await findings()).toMatchObject([{ name: 'producers', offset: 2 }]);
  });

  it('reports one that cannot be read', async () => {
    await sendAll(3);
    const { version = '' } = await scene.snapshot();
    const key = { pk: producersKey(scene.pk), sk: 'snapshot' };
    const condition = { kind: 'ifVersion', version } as const;
    const attributes = { f: 1, s: 1, o: ['producers/t/0/gone', 10] };
    await scene.storage.catalog.put({ ...key, version: 'w', attributes }, { condition }, scene.call());
    expect(await findings()).toMatchObject([{ name: 'unreadable' }]);
  });
});

describe('a log that was set back to an earlier time', () => {
  it('takes again what it has lost, at its new offset, and still knows what it kept', async () => {
    await sendAll(4);
    const tables = memoryStorage(clock);
    await copyAll(scene.storage.hot, tables.hot, [scene.pk]);
    await sendAll(8);
    await seal();
    // The catalog was set back to a little later than the hot table.
    await copyAll(scene.storage.catalog, tables.catalog, ['cluster', 'topics', producersKey(scene.pk)]);
    const restored = { ...tables, bucket: scene.storage.bucket };
    expect((await findings(restored)).map(({ name }) => name)).toContain('producers');
    const parts = engineParts(restored);
    await applyRestore(parts, await planRestore(parts, scene.call()), scene.call());
    expect(await findings(restored)).toEqual([]);
    const log = await openMemoryLog(restored);
    expect(await scene.told(one(3), ['v3'], { on: log })).toBe('3 again');
    for (const sequence of [4, 5]) {
      expect(await scene.told(one(sequence), ['x'], { on: log })).toBe(`${sequence}`);
    }
  });

  it('forgets its producers where their object has been collected since', async () => {
    await sendAll(2);
    const before = await scene.snapshot();
    const batches = [{ firstSequence: 0, lastSequence: 0, baseOffset: 0 }];
    const known = { epoch: 0, lastSeenMs: clock.wallMs(), batches };
    const producers = new Map(Array.from({ length: 2_000 }, (_, id) => [id, known] as const));
    const parts = engineParts(scene.storage);
    await putSnapshot(parts, scene.pk, { offset: 2, producers, before, fences: [] }, scene.call());
    const tables = memoryStorage(clock);
    await copyAll(scene.storage.hot, tables.hot, [scene.pk]);
    await copyAll(scene.storage.catalog, tables.catalog, PKS());
    const restored = engineParts(tables);
    await applyRestore(restored, await planRestore(restored, scene.call()), scene.call());
    const log = await openMemoryLog(tables);
    expect(await scene.told(one(9), ['x'], { on: log })).toBe('2');
    expect(await log.allocateProducerId(scene.call())).toBeGreaterThanOrEqual(2 ** 32);
  });
});
