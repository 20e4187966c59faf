import { describe, expect, it } from 'vitest';
import {
  createPositionTranslator,
  type TranslatedPosition,
} from '../../../../lib/replication/merged/translate-position.ts';
import { type MergedRegion, mergedCopyAll } from './merged-regions.ts';
import { openAll, positionIn, translated, translatorOf } from './translated.ts';

/** Both have produced nine, and have some of the other's. */
async function halfCopied(): Promise<{ readonly east: MergedRegion; readonly west: MergedRegion }> {
  const [east, west] = await openAll('east', 'west');
  if (east === undefined || west === undefined) throw new Error('two regions are open');
  for (let i = 0; i < 9; i += 1) {
    await east.produce([`east ${i}`]);
    await west.produce([`west ${i}`]);
    if (i % 2 === 0) await mergedCopyAll(east, west);
    if (i % 3 === 0) await mergedCopyAll(west, east);
  }
  return { east, west };
}

interface Sealed {
  readonly found: TranslatedPosition;
  /** Of the hot table of the target. */
  readonly requests: number;
}

/** Before that request the target is sealed, and its chunks expire. */
async function translatedWhileSealed(
  { east, west }: { readonly east: MergedRegion; readonly west: MergedRegion },
  before: number,
): Promise<Sealed> {
  const { hot } = west.parts;
  let requests = 0;
  const query: typeof hot.query = async (...args) => {
    if (requests === before) {
      await west.seal();
      await west.expire();
    }
    requests += 1;
    return hot.query(...args);
  };
  const target = { ...west.parts, alias: 'west', hot: { ...hot, query } };
  const translator = createPositionTranslator({ source: { ...east.parts, alias: 'east' }, target });
  const place = { sourcePk: east.pk, targetPk: west.pk };
  return { found: await translator.translate(place, { offset: 9 }, west.call()), requests };
}

describe('an offset of a merged topic that is translated while copying goes on', () => {
  it('without its vector repeats at most what was written in the time that copying takes, both ways', async () => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    const rate = 2;
    const [toWest, toEast] = [3, 4];
    const counts: number[] = [];
    for (let tick = 0; tick < 36; tick += 1) {
      for (const { alias, produce } of [east, west]) {
        await produce(Array.from({ length: rate }, (_, i) => `${alias} ${tick * rate + i}`));
      }
      if (tick % toWest === 0) await mergedCopyAll(east, west);
      if (tick % toEast === 0) await mergedCopyAll(west, east);
      // Whoever has read everything that is in east, and moves at this moment.
      const read = await east.values();
      const here = await west.values();
      const first = await translated(east, west, read.length);
      const given = new Set(here.slice(first));
      const isHere = new Set(here);
      counts.push(read.filter((value) => given.has(value) || !isHere.has(value)).length);
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(rate * (toWest + toEast));
    expect(Math.max(...counts)).toBeGreaterThan(0);
  });

  it('goes through what the target has of others once, although it produces nothing itself', async () => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    for (let i = 0; i < 200; i += 1) {
      await east.produce([`east ${i}`]);
      await mergedCopyAll(east, west);
      if (i % 50 === 49) await west.seal();
    }
    const translator = translatorOf(east, west);
    const place = { sourcePk: east.pk, targetPk: west.pk };
    const requests: number[] = [];
    for (const offset of [100, 150, 199]) {
      const call = west.call();
      expect(await translator.translate(place, { offset }, call)).toEqual({ offset, isFinal: true });
      requests.push(call.meter.usage.tableReads);
    }
    const [first = 0, ...later] = requests;
    expect(first).toBeLessThanOrEqual(40);
    for (const count of later) expect(count).toBeLessThanOrEqual(24);
    const call = west.call();
    await translator.translate(place, { offset: 199 }, call);
    expect(call.meter.usage.tableReads).toBe(0);
  });

  it('goes on with what the target has of others where one look does not suffice', async () => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    for (let i = 0; i < 300; i += 1) {
      await east.produce([`east ${i}`]);
      await mergedCopyAll(east, west);
    }
    const { hot } = west.parts;
    // Of chunks, as of everything, a page may have fewer than were asked for.
    const query: typeof hot.query = async (pk, range, call) => hot.query(pk, { ...range, limit: 1 }, call);
    const target = { ...west.parts, alias: 'west', hot: { ...hot, query } };
    const translator = createPositionTranslator({ source: { ...east.parts, alias: 'east' }, target });
    const place = { sourcePk: east.pk, targetPk: west.pk };
    expect(await translator.translate(place, { offset: 299 }, west.call())).toEqual({
      offset: 299,
      isFinal: true,
    });
  });

  it('is the same if the target is sealed meanwhile and its chunks go, at any request', async () => {
    for (let before = 0; ; before += 1) {
      const regions = await halfCopied();
      const { found, requests } = await translatedWhileSealed(regions, before);
      expect(found).toEqual(await positionIn(regions.east, regions.west, { offset: 9 }));
      if (requests <= before) {
        expect(before).toBeGreaterThan(5);
        return;
      }
    }
  });
});
