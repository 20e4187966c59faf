import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import type { Log } from '../../../lib/log.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import { ALL_RULES } from '../../../lib/rules.ts';
import { readLogStart } from '../../../lib/segment/log-start.ts';
import { retainOnce, retentionSettings } from '../../../lib/segment/retain/retention.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { type Segment, segmentFromItem, segmentToItem } from '../../../lib/segment/segment-item.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { codecs, memoryStorage, newCall, openMemoryLog, textRecord } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const HOUR_MS = 3_600_000;
const place = { topic: 't', partition: 0 };

class Scene {
  readonly clock: ManualClock = manualClock();
  readonly storage = memoryStorage(this.clock);
  readonly parts: EngineParts = engineParts(this.storage);
  log: Log | undefined;
  pk = '';
  #configs: Readonly<Record<string, string>> = {};

  call = (): Call => newCall(this.clock);

  static async open(configs: Readonly<Record<string, string>>): Promise<Scene> {
    const scene = new Scene();
    scene.log = await openMemoryLog(scene.storage);
    scene.#configs = configs;
    const { topicId } = await scene.log.createTopic({ name: 't', configs }, scene.call());
    scene.pk = `${topicId}:0`;
    return scene;
  }

  /** One chunk of two records, stamped now unless told otherwise. */
  async append(timestampMs: number = this.clock.wallMs(), value = 'x'): Promise<void> {
    const records = [textRecord(value, { timestampMs }), textRecord(value, { timestampMs })];
    const batches = encodeBatch(codecs, records, { compression: 'none' });
    await this.log?.produce({ ...place, batches }, this.call());
  }

  /** The oldest unsealed chunk becomes a segment. */
  async seal(): Promise<void> {
    const settings = { segmentBytes: 1, segmentMs: 1, hotRetentionMs: 604_800_000 };
    const outcome = await sealOnce(this.parts, this.pk, settings, this.call());
    expect(outcome.kind).toBe('sealed');
  }

  async appendAndSeal(timestampMs?: number): Promise<void> {
    await this.append(timestampMs);
    await this.seal();
  }

  retain(call: Call = this.call(), parts: EngineParts = this.parts): ReturnType<typeof retainOnce> {
    return retainOnce(parts, this.pk, retentionSettings(this.#configs), call);
  }

  async segments(): Promise<Segment[]> {
    const range = { from: 'seg#', to: 'seg#~', limit: 100, consistent: true };
    return (await this.parts.catalog.query(this.pk, range, this.call())).items.map(segmentFromItem);
  }

  async logStart(): Promise<number> {
    return (await readLogStart(this.parts.catalog, this.pk, this.call())).offset;
  }

  async latest(): Promise<number> {
    return (await this.log?.listOffsets({ ...place, at: 'latest' }, this.call()))?.offset ?? -1;
  }

  async fetchCode(offset: number): Promise<unknown> {
    return this.log?.fetch({ ...place, offset }, this.call()).then(
      ({ batches }) => batches.length,
      (error: { code?: string }) => error.code,
    );
  }
}

describe('retention by time', () => {
  it('moves the log start first and removes the items an hour later; readers notice', async () => {
    const scene = await Scene.open({ 'retention.ms': String(10 * HOUR_MS) });
    for (let i = 0; i < 3; i += 1) {
      await scene.appendAndSeal();
      scene.clock.advance(4 * HOUR_MS);
    }
    expect(await scene.retain()).toMatchObject({
      logStartBefore: 0,
      logStart: 2,
      droppedCount: 0,
      waitingCount: 1,
    });
    expect(await scene.fetchCode(0)).toBe('OFFSET_OUT_OF_RANGE');
    expect(await scene.fetchCode(2)).toBe(1);
    expect(await scene.segments()).toHaveLength(3);
    scene.clock.advance(HOUR_MS);
    expect(await scene.retain()).toMatchObject({ logStart: 2, droppedCount: 1, waitingCount: 0 });
    expect((await scene.segments()).map(({ baseOffset }) => baseOffset)).toEqual([2, 4]);
    expect(await scene.retain()).toMatchObject({ logStart: 2, droppedCount: 0, waitingCount: 0 });
  });

  it('leaves of the last segment a stub, so that the chain does not begin again', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    await scene.appendAndSeal();
    await scene.appendAndSeal();
    scene.clock.advance(2 * HOUR_MS);
    expect(await scene.retain()).toMatchObject({ logStart: 4, droppedCount: 1, waitingCount: 1 });
    scene.clock.advance(2 * HOUR_MS);
    expect(await scene.retain()).toMatchObject({ logStart: 4, droppedCount: 1, waitingCount: 0 });
    const [stub, ...others] = await scene.segments();
    expect(stub).toMatchObject({ baseOffset: 2, endOffset: 4, objectKey: undefined, bytes: 0 });
    expect(others).toEqual([]);
    expect(await scene.retain()).toMatchObject({ logStart: 4, droppedCount: 0, waitingCount: 0 });
    // All hot items expire too; the log goes on where it was.
    const { items } = await scene.parts.hot.query(scene.pk, { limit: 9, consistent: true }, scene.call());
    for (const item of items) await scene.parts.hot.delete(item, { ifVersion: item.version }, scene.call());
    await scene.append();
    expect(await scene.latest()).toBe(6);
    expect(await scene.fetchCode(4)).toBe(1);
    await scene.seal();
    scene.clock.advance(2 * HOUR_MS);
    await scene.retain();
    scene.clock.advance(2 * HOUR_MS);
    await scene.retain();
    expect((await scene.segments()).map(({ baseOffset }) => baseOffset)).toEqual([4]);
  });

  it('drops the last item too where the rule that keeps it is off', async () => {
    const scene = await Scene.open({ 'retention.ms': '0' });
    await scene.appendAndSeal();
    scene.clock.advance(1);
    const rules = { ...ALL_RULES, lastSegmentStays: false };
    await scene.retain(scene.call(), { ...scene.parts, rules });
    expect(await scene.segments()).toEqual([]);
  });

  it('passes unsealed chunks one by one', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    await scene.appendAndSeal();
    for (let i = 0; i < 9; i += 1) await scene.append();
    scene.clock.advance(2 * HOUR_MS);
    await scene.append();
    expect(await scene.retain()).toMatchObject({ logStart: 20 });
    scene.clock.advance(61_000);
    expect(await scene.fetchCode(18)).toBe('OFFSET_OUT_OF_RANGE');
    scene.clock.advance(2 * HOUR_MS);
    expect(await scene.retain()).toMatchObject({ logStart: 22 });
    await scene.append();
    expect(await scene.retain()).toMatchObject({ logStart: 22 });
    expect(await scene.latest()).toBe(24);
  });

  it('goes on behind a log start in the middle of a chunk', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    await scene.append();
    await scene.append();
    await scene.log?.deleteRecords({ ...place, offset: 1 }, scene.call());
    scene.clock.advance(2 * HOUR_MS);
    await scene.append();
    expect(await scene.retain()).toMatchObject({ logStartBefore: 1, logStart: 4 });
  });

  it('goes by the date of the object where records carry no timestamps', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    await scene.appendAndSeal(-1);
    await scene.append(-1);
    expect(await scene.retain()).toMatchObject({ logStart: 0 });
    scene.clock.advance(2 * HOUR_MS);
    expect(await scene.retain()).toMatchObject({ logStart: 4 });
  });

  it.each(['-1', '9223372036854775807'])('keeps for ever with %s', async (forEver) => {
    const scene = await Scene.open({ 'retention.ms': forEver });
    await scene.appendAndSeal(1);
    scene.clock.advance(10_000 * HOUR_MS);
    expect(await scene.retain()).toMatchObject({ logStart: 0, droppedCount: 0 });
  });

  it('keeps everything of a topic that is only compacted, but what lies below its log start', async () => {
    const scene = await Scene.open({ 'retention.ms': '1' });
    await scene.appendAndSeal();
    await scene.appendAndSeal();
    await scene.log?.deleteRecords({ ...place, offset: 2 }, scene.call());
    scene.clock.advance(HOUR_MS);
    const compacted = { ...retentionSettings({}), retentionMs: 1, isDeleted: false };
    const run = () => retainOnce(scene.parts, scene.pk, compacted, scene.call());
    expect(await run()).toMatchObject({ logStart: 2, waitingCount: 1 });
    scene.clock.advance(HOUR_MS);
    expect(await run()).toMatchObject({ logStart: 2, droppedCount: 1 });
    expect(await scene.segments()).toHaveLength(1);
  });
});

describe('retention by size', () => {
  it('keeps at least retention.bytes, unsealed bytes included, and cuts at segments', async () => {
    const scene = await Scene.open({ 'retention.ms': '-1', 'retention.bytes': '250' });
    for (let i = 0; i < 4; i += 1) await scene.appendAndSeal();
    const [{ bytes } = { bytes: 0 }] = await scene.segments();
    const keptMin = Math.ceil(250 / bytes);
    expect(await scene.retain()).toMatchObject({ logStart: (4 - keptMin) * 2 });
    await scene.append();
    expect(await scene.retain()).toMatchObject({ logStart: (5 - keptMin) * 2 });
  });

  it('counts what was merged once while the items that it covers still stand', async () => {
    const scene = await Scene.open({ 'retention.ms': '-1', 'retention.bytes': '200' });
    for (let i = 0; i < 4; i += 1) await scene.appendAndSeal();
    const [first, second, third] = await scene.segments();
    if (first === undefined || second === undefined || third === undefined) throw new Error('not sealed');
    expect(first.bytes).toBeGreaterThan(67);
    expect(first.bytes).toBeLessThan(100);
    const wide = {
      ...first,
      version: 'merged',
      endOffset: third.endOffset,
      bytes: first.bytes + second.bytes + third.bytes,
    };
    const condition = { kind: 'ifVersion', version: first.version } as const;
    await scene.parts.catalog.put(segmentToItem(scene.pk, wide), { condition }, scene.call());
    expect(await scene.retain()).toMatchObject({ logStart: 0 });
    // The merged one goes as a whole, and what it covered with it.
    for (let i = 0; i < 3; i += 1) await scene.appendAndSeal();
    expect(await scene.retain()).toMatchObject({ logStart: 8 });
    scene.clock.advance(HOUR_MS);
    await scene.retain();
    scene.clock.advance(HOUR_MS);
    await scene.retain();
    expect((await scene.segments()).map(({ baseOffset }) => baseOffset)).toEqual([8, 10, 12]);
  });

  it('with 0 keeps nothing', async () => {
    const scene = await Scene.open({ 'retention.bytes': '0' });
    await scene.appendAndSeal();
    for (let i = 0; i < 7; i += 1) await scene.append();
    expect(await scene.retain()).toMatchObject({ logStart: 16 });
    expect(await scene.latest()).toBe(16);
  });
});

describe('retention that is cut off', () => {
  /** Lets `count` writes to the catalog through, then loses every connection. */
  function dying(parts: EngineParts, count: number): EngineParts {
    let left = count;
    const pass = (): void => {
      if (left <= 0) throw new StorageFault('refused', 'crashed');
      left -= 1;
    };
    const { catalog } = parts;
    return {
      ...parts,
      catalog: {
        ...catalog,
        put: async (...args) => {
          pass();
          return catalog.put(...args);
        },
        delete: async (...args) => {
          pass();
          return catalog.delete(...args);
        },
      },
    };
  }

  it('anywhere, is finished by the next run, and readers never see a hole', async () => {
    for (let writes = 0; writes < 8; writes += 1) {
      const scene = await Scene.open({ 'retention.ms': String(10 * HOUR_MS) });
      for (let i = 0; i < 6; i += 1) await scene.appendAndSeal();
      scene.clock.advance(11 * HOUR_MS);
      await scene.append();
      await scene.retain(scene.call(), dying(scene.parts, Math.min(writes, 1))).catch(() => undefined);
      scene.clock.advance(HOUR_MS);
      await scene.retain(scene.call(), dying(scene.parts, writes)).catch(() => undefined);
      const left = await scene.segments();
      for (const [i, { baseOffset }] of left.slice(1).entries()) expect(baseOffset).toBe(left[i]?.endOffset);
      expect(await scene.latest()).toBe(14);
      await scene.retain();
      scene.clock.advance(HOUR_MS);
      await scene.retain();
      expect(await scene.segments()).toMatchObject([{ baseOffset: 10, objectKey: undefined }]);
      expect(await scene.logStart()).toBe(12);
      expect(await scene.fetchCode(12)).toBe(1);
    }
  });

  it('run by many at once, does its work once', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    for (let i = 0; i < 5; i += 1) await scene.appendAndSeal();
    scene.clock.advance(2 * HOUR_MS);
    await Promise.all([1, 2, 3, 4].map(() => scene.retain()));
    scene.clock.advance(2 * HOUR_MS);
    const reports = await Promise.all([1, 2, 3, 4].map(() => scene.retain()));
    expect(reports.map(({ logStart }) => logStart)).toEqual([10, 10, 10, 10]);
    expect(reports.reduce((total, { droppedCount }) => total + droppedCount, 0)).toBe(4);
    expect(await scene.segments()).toMatchObject([{ baseOffset: 8, objectKey: undefined }]);
  });

  it('meets a segment that was replaced meanwhile and leaves it to the next run', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    await scene.appendAndSeal();
    await scene.appendAndSeal();
    scene.clock.advance(2 * HOUR_MS);
    await scene.retain();
    scene.clock.advance(HOUR_MS);
    const { catalog } = scene.parts;
    const replacing: EngineParts['catalog'] = {
      ...catalog,
      delete: async (key, _condition, call) => catalog.delete(key, { ifVersion: 'another' }, call),
    };
    const report = await scene.retain(scene.call(), { ...scene.parts, catalog: replacing });
    expect(report).toMatchObject({ droppedCount: 0 });
    expect(await scene.segments()).toHaveLength(2);
    expect(await scene.retain()).toMatchObject({ droppedCount: 1 });
  });
});

describe('what retention costs', () => {
  it('two queries where nothing is to be done, however long the log is', async () => {
    const scene = await Scene.open({});
    for (let i = 0; i < 30; i += 1) await scene.appendAndSeal();
    const call = { ...scene.call(), meter: new Meter() };
    await scene.retain(call);
    expect(call.meter.usage).toMatchObject({ tableReads: 2, tableWrites: 0, objectLists: 0, objectGets: 0 });
  });

  it('one write for the log start and one for each item that goes', async () => {
    const scene = await Scene.open({ 'retention.ms': String(HOUR_MS) });
    for (let i = 0; i < 5; i += 1) await scene.appendAndSeal();
    scene.clock.advance(2 * HOUR_MS);
    const moving = { ...scene.call(), meter: new Meter() };
    await scene.retain(moving);
    expect(moving.meter.usage).toMatchObject({ tableWrites: 2, objectDeletes: 0 });
    scene.clock.advance(HOUR_MS);
    const dropping = { ...scene.call(), meter: new Meter() };
    await scene.retain(dropping);
    expect(dropping.meter.usage).toMatchObject({ tableWrites: 4, objectDeletes: 0 });
  });
});
