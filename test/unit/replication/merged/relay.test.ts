import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../../lib/open-log.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { crashingProcess } from '../../../support/crashing-ports.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import type { ManualClock } from '../../../tools/manual-clock.ts';
import {
  expectAll,
  expectOffsetsOf,
  lost,
  numbered,
  produceSome,
  relayAll,
  relayOf,
  type Three,
  three,
  valuesOf,
} from './lost-region.ts';
import {
  type MergedRegion,
  mergedCopier,
  mergedCopyAll,
  mergedStep,
  openMergedRegion,
} from './merged-regions.ts';

describe('records of a lost region', () => {
  it('come from a region that has them, once and in their order, as from their own', async () => {
    const { east, north } = await lost();
    const outcomes = await relayAll(east, north);
    expect(outcomes.at(-1)?.kind).toBe('caughtUp');
    await expectAll([east, north], 24);
    expect((await relayAll(east, north)).map(({ kind }) => kind)).toEqual(['caughtUp']);
  });

  it('leave nothing to clean up: the region goes on where it was when it is back', async () => {
    const { west, east, north } = await lost();
    await produceSome(west, { from: 24, to: 30 });
    await relayAll(east, north);
    expect((await mergedCopyAll(west, north)).at(-1)?.kind).toBe('caughtUp');
    await mergedCopyAll(west, east);
    await expectAll([east, north], 30);
    expect((await relayAll(east, north)).map(({ kind }) => kind)).toEqual(['caughtUp']);
  });

  it('come to a region that has nothing yet, wherever others stood between them', async () => {
    const { west, east } = await lost();
    const south = await openMergedRegion('south', west.storage.clock as ManualClock);
    await relayAll(east, south);
    await expectAll([south], 24);
    await expectOffsetsOf(west, south);
    expect((await mergedCopyAll(west, south)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    const sealed = await openMergedRegion('sealed', west.storage.clock as ManualClock);
    await east.seal();
    await east.expire();
    await relayAll(east, sealed, 300);
    await expectAll([sealed], 24);
  });

  it('are not brought back to where they were produced, nor round', async () => {
    const { west, east, north } = await lost();
    await relayAll(east, north);
    expect((await mergedCopyAll(north, east)).map(({ kind }) => kind)).toEqual(['copied', 'caughtUp']);
    expect((await relayAll(north, east)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    await mergedCopyAll(north, west);
    await mergedCopyAll(east, west);
    await expectAll([west, east, north], 24);
  });

  it.each(['sealed', 'merged', 'gone from the hot table'] as const)('come where all is %s', async (how) => {
    const { east, north } = await lost();
    for (const region of [east, north]) {
      await region.seal();
      if (how !== 'sealed') await region.expire();
      if (how === 'merged') await region.merge();
    }
    await relayAll(east, north, 300);
    await expectAll([east, north], 24);
  });

  it('come while everybody copies at once, their own region too', async () => {
    const { west, east, north } = await lost();
    const copiers = [150, 400, 30_000].flatMap((bytesMax) => [
      { bytesMax, source: west, copier: mergedCopier(west, north) },
      { bytesMax, source: east, copier: mergedCopier(east, north) },
      { bytesMax, source: east, copier: relayOf(east, north) },
    ]);
    for (let round = 0; round < 12; round += 1) {
      await Promise.all([
        produceSome(west, { from: 24 + round * 2, to: 26 + round * 2 }),
        mergedCopyAll(west, east),
        produceSome(north, { from: 4 + round * 2, to: 6 + round * 2 }),
        ...copiers.map(({ copier, bytesMax }) => mergedStep(copier, north, bytesMax)),
      ]);
      if (round % 4 === 3) await Promise.all([east.seal(), north.seal()]);
    }
    await mergedCopyAll(west, east);
    await relayAll(east, north);
    await expectAll([east, north], 48);
  });

  it('are passed over where the target is further than the source', async () => {
    const { west, east, north } = await lost();
    await produceSome(west, { from: 24, to: 30 });
    await mergedCopyAll(west, north);
    const relay = relayOf(east, north);
    expect((await mergedCopyAll(east, north, relay)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    await mergedCopyAll(west, east, mergedCopier(west, east), 150);
    expect((await mergedCopyAll(east, north, relay)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    await produceSome(west, { from: 30, to: 34 });
    await mergedCopyAll(west, east);
    await mergedCopyAll(east, north, relay);
    await expectAll([east, north], 34);
  });
});

describe('a relay', () => {
  it('leaves all whole whenever it dies, before a request was carried out or after', async () => {
    for (const moment of ['before', 'after'] as const) {
      for (let atRequest = 0; ; atRequest += 1) {
        const { west, east, north } = await lost();
        const business = new Map();
        const dying = crashingProcess(north.storage, memoryTransactions({ ...north.storage, business }), {
          atRequest,
          moment,
        });
        const target = engineParts(dying.storage);
        const mortal = mergedCopier(east, north, { target, relay: 'west' });
        const life = await dying.live(() => mergedCopyAll(east, north, mortal, 21_000));
        await produceSome(north, { from: 4, to: 6 });
        await mergedCopyAll(west, north, mergedCopier(west, north), 21_000);
        await relayAll(east, north);
        await expectAll([north], 24);
        if (!life.crashed) break;
      }
    }
  });

  it.each([true, false])('copies once where puts are ambiguous; carried out: %s', async (isCarriedOut) => {
    const { east, north } = await lost();
    const { clock } = north.storage;
    let puts = 0;
    const hot: Table<number> = {
      ...north.storage.hot,
      put: async (...args) => {
        puts += 1;
        if (puts % 3 !== 0) return north.storage.hot.put(...args);
        if (isCarriedOut) await north.storage.hot.put(...args);
        throw new StorageFault('interrupted', 'the connection broke');
      },
    };
    const target = engineParts({ ...north.storage, hot });
    const clockMoves = setInterval(() => (clock as ManualClock).advance(600), 0);
    try {
      await mergedCopyAll(east, north, mergedCopier(east, north, { target, relay: 'west' }), 300);
    } finally {
      clearInterval(clockMoves);
    }
    await relayAll(east, north);
    await expectAll([north], 24);
  });

  it('that slept while others went on copies nothing twice', async () => {
    const { west, east, north } = await lost();
    const sleeper = relayOf(east, north);
    await mergedStep(sleeper, north, 300);
    await mergedCopyAll(west, north);
    await produceSome(north, { from: 4, to: 8 });
    for (const region of [east, north]) await region.seal();
    for (let hours = 0; hours < 500; hours += 1) await north.expire();
    await east.expire();
    await produceSome(west, { from: 24, to: 28 });
    await mergedCopyAll(west, east);
    await mergedCopyAll(east, north, sleeper);
    await expectAll([east, north], 28);
  });

  it('copies again what the target has lost, when that was set back while it slept', async () => {
    const { west, east, north } = await lost();
    const relay = relayOf(east, north);
    await mergedCopyAll(east, north, relay);
    // What was not sealed is gone, all of it.
    await north.expire();
    expect(await north.values()).toEqual([]);
    await produceSome(west, { from: 24, to: 26 });
    await mergedCopyAll(west, east);
    await mergedCopyAll(east, north, relay);
    await expectAll([north], 26);
  });

  /** Two regions that are both west, as it was before and after it was restored to an earlier time. */
  async function restored(): Promise<Three & { readonly again: MergedRegion }> {
    const regions = await three();
    const again = await openMergedRegion('west', regions.west.storage.clock as ManualClock);
    for (const west of [regions.west, again]) await produceSome(west, { from: 0, to: 2 });
    await produceSome(regions.west, { from: 2, to: 8 });
    for (const value of ['other 2', 'other 3']) await again.produce([value]);
    await mergedCopyAll(regions.west, regions.east);
    return { ...regions, again };
  }

  it('does not go on where the source has other records than were copied from the region itself', async () => {
    const { east, north, again } = await restored();
    await mergedCopyAll(again, north);
    const before = await north.values();
    expect(await relayAll(east, north)).toMatchObject([{ kind: 'diverged', position: 4 }]);
    expect(await north.values()).toEqual(before);
  });

  it('does not go on behind what others bring meanwhile and the source has not', async () => {
    const { east, north, again } = await restored();
    const relay = relayOf(east, north);
    expect(await mergedStep(relay, north, 100)).toMatchObject({ kind: 'copied', position: 2 });
    await mergedCopyAll(again, north);
    const before = await north.values();
    expect(await mergedStep(relay, north)).toMatchObject({ kind: 'diverged', position: 4 });
    expect(await north.values()).toEqual(before);
  });

  it('keeps the region itself from going on, where that was restored and others had more of it', async () => {
    const { east, north, again } = await restored();
    const own = mergedCopier(again, north);
    expect(await mergedStep(own, north, 100)).toMatchObject({ kind: 'copied', position: 2 });
    await mergedStep(relayOf(east, north), north, 100);
    await again.produce(['other 4']);
    expect(await mergedStep(own, north)).toMatchObject({ kind: 'diverged', position: 4 });
    expect(await valuesOf(north, 'west')).toEqual(numbered('west', 0, 4));
  });
});
