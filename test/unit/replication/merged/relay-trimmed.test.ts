import { describe, expect, it } from 'vitest';
import type { Flows } from '../../../../lib/flows.ts';
import { openFlows } from '../../../../lib/open-flows.ts';
import { bindMerged } from '../../../../lib/replication/topics/merged-pairs.ts';
import { passedOver } from '../../../../lib/replication/topics/passed-over.ts';
import { retainOnce, retentionSettings } from '../../../../lib/segment/retain/retention.ts';
import type { ManualClock } from '../../../tools/manual-clock.ts';
import {
  expectAll,
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

const idOf = ({ pk }: MergedRegion): string => pk.slice(0, pk.lastIndexOf(':'));

/** A flow that might still bring what west has. */
async function awaited(north: MergedRegion): Promise<Flows> {
  const flows = openFlows(north.parts, { region: 'north', sources: async () => ({}) });
  await flows.create({ source: 'west', policy: 'merged' }, north.call());
  return flows;
}

describe('what the source has trimmed of a lost region', () => {
  const trimmed = async (): Promise<Three> => {
    const regions = await lost();
    const { east } = regions;
    const values = await east.values();
    await east.trimTo(values.findIndex((value) => value.startsWith('west 16')));
    return regions;
  };

  it('is waited for, as long as a flow from there might bring it', async () => {
    const { west, east, north } = await trimmed();
    await awaited(north);
    const [outcome] = await relayAll(east, north);
    expect(outcome).toMatchObject({ kind: 'missing', reason: expect.stringContaining("'west'") });
    expect(await valuesOf(north, 'west')).toEqual(numbered('west', 0, 12));
    await mergedCopyAll(west, north);
    expect((await relayAll(east, north)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    await expectAll([north], 24);
  });

  it('is waited for, as long as another flow relays the region, too', async () => {
    const { west, east, north } = await trimmed();
    const middle = await openMergedRegion('middle', west.storage.clock as ManualClock);
    await mergedCopyAll(west, middle);
    const flows = openFlows(north.parts, { region: 'north', sources: async () => ({}) });
    for (const source of ['east', 'middle']) {
      await flows.create({ source, policy: 'merged', relays: ['west'] }, north.call());
    }
    const [outcome] = await relayAll(east, north);
    expect(outcome).toMatchObject({ kind: 'missing', reason: expect.stringContaining("'middle'") });
    await relayAll(middle, north);
    expect((await relayAll(east, north)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    await expectAll([north], 24);
  });

  it('is passed over and told, where nobody waits for it', async () => {
    const { east, north } = await trimmed();
    const [first] = await relayAll(east, north);
    expect(first).toMatchObject({ kind: 'copied', gap: { from: expect.any(Number) } });
    expect(await valuesOf(north, 'west')).toEqual([...numbered('west', 0, 12), ...numbered('west', 16, 24)]);
  });

  /**
   * East has west's first two records in its first segment, and two more in the second; between them west has two of north's.
   * North has the first two.
   */
  async function apart(): Promise<Three> {
    const regions = await three();
    const { west, east, north } = regions;
    await produceSome(west, { from: 0, to: 2 });
    await mergedCopyAll(west, north);
    await mergedCopyAll(west, east);
    await east.seal();
    await produceSome(north, { from: 0, to: 2 });
    await mergedCopyAll(north, west);
    (west.storage.clock as ManualClock).advance(100_000);
    await produceSome(west, { from: 2, to: 4 });
    await mergedCopyAll(west, east);
    await east.seal();
    await awaited(north);
    return regions;
  }

  it('is known to be nothing that is missing, where retention has taken it', async () => {
    const { east, north } = await apart();
    const settings = retentionSettings({ 'retention.ms': '50000' });
    expect(await retainOnce(east.parts, east.pk, settings, east.call())).toMatchObject({ logStart: 2 });
    await relayAll(east, north);
    await expectAll([north], 4);
  });

  it('may be something that is missing, where it was deleted on request', async () => {
    const { east, north } = await apart();
    const settings = retentionSettings({ 'retention.ms': '50000' });
    const deleteTo = (offset: number): Promise<unknown> =>
      east.log.deleteRecords({ topic: 'orders', partition: 0, offset }, east.call());
    await deleteTo(2);
    await retainOnce(east.parts, east.pk, settings, east.call());
    expect(await relayAll(east, north)).toMatchObject([{ kind: 'missing' }]);
  });

  it('is not taken for what retention has told of another place', async () => {
    const { east, north } = await apart();
    const settings = retentionSettings({ 'retention.ms': '50000' });
    await retainOnce(east.parts, east.pk, settings, east.call());
    await east.log.deleteRecords({ topic: 'orders', partition: 0, offset: -1 }, east.call());
    expect(await relayAll(east, north)).toMatchObject([{ kind: 'missing' }]);
  });

  it('is noticed while the relay is at it, too', async () => {
    const { east, north } = await lost();
    const flows = await awaited(north);
    const relay = relayOf(east, north);
    await mergedStep(relay, north, 150);
    await east.trimTo((await east.values()).length);
    await east.seal();
    await east.expire();
    expect(await mergedStep(relay, north)).toMatchObject({ kind: 'missing' });
    await flows.delete('west', north.call());
    expect(await mergedStep(relay, north)).toMatchObject({ kind: 'caughtUp' });
  });

  it('is noticed where retention has left nothing but the stub of a segment', async () => {
    const { west, east, north } = await lost();
    const flows = await awaited(north);
    await east.seal();
    await produceSome(west, { from: 24, to: 26 });
    await mergedCopyAll(west, east);
    await east.seal();
    const relay = relayOf(east, north);
    await mergedStep(relay, north, 150);
    (east.storage.clock as ManualClock).advance(10_000);
    await retainOnce(east.parts, east.pk, retentionSettings({ 'retention.ms': '1' }), east.call());
    // What it has looked up before may be there still, and is no less true for that.
    expect((await mergedCopyAll(east, north, relay)).at(-1)).toMatchObject({ kind: 'missing' });
    await flows.delete('west', north.call());
    expect(await mergedStep(relay, north)).toMatchObject({ kind: 'caughtUp' });
  });

  it('is waited for by who relays in turn, too, as long as a flow from there might bring it', async () => {
    const { west, east, north } = await trimmed();
    const south = await openMergedRegion('south', west.storage.clock as ManualClock);
    for (const region of [north, south]) {
      const ids = { sourceId: idOf(west), targetId: idOf(region) };
      await bindMerged(region.parts, { source: 'west', ...ids }, region.call());
    }
    // Nobody waits for west in north.
    await relayAll(east, north);
    const flows = await awaited(south);
    const relay = relayOf(north, south);
    const outcomes = await mergedCopyAll(north, south, relay);
    expect(outcomes.at(-1)).toMatchObject({ kind: 'missing', reason: expect.stringContaining("'west'") });
    expect(await valuesOf(south, 'west')).toEqual(numbered('west', 0, 12));

    await mergedCopyAll(west, south, mergedCopier(west, south), 150);
    await mergedCopyAll(north, south, relay);
    await expectAll([south], 24);
    await flows.delete('west', south.call());
  });

  it('is passed on as a gap by who relays in turn, where nobody waits for it either', async () => {
    const { west, east, north } = await trimmed();
    const south = await openMergedRegion('south', west.storage.clock as ManualClock);
    for (const region of [north, south]) {
      const ids = { sourceId: idOf(west), targetId: idOf(region) };
      await bindMerged(region.parts, { source: 'west', ...ids }, region.call());
    }
    await relayAll(east, north);
    const gaps = (await relayAll(north, south)).flatMap((outcome) => ('gap' in outcome ? [outcome.gap] : []));
    expect(gaps).toHaveLength(1);
    expect(await valuesOf(south, 'west')).toEqual(await valuesOf(north, 'west'));
    expect(await passedOver(south.parts, { pk: south.pk, region: 'west' }, south.call())).toEqual(gaps[0]);
  });

  it('is passed on together with what the source had passed over before', async () => {
    const { west, east, north } = await lost();
    const clock = west.storage.clock as ManualClock;
    const [middle, south] = [await openMergedRegion('middle', clock), await openMergedRegion('south', clock)];
    for (const region of [middle, north, south]) {
      const ids = { sourceId: idOf(west), targetId: idOf(region) };
      await bindMerged(region.parts, { source: 'west', ...ids }, region.call());
    }
    // South has west's first sixteen. Middle has no more than these, and of what comes then the last four.
    const sixteen = async (region: MergedRegion): Promise<void> => {
      const copier = mergedCopier(west, region);
      while ((await valuesOf(region, 'west')).length < 16) await mergedStep(copier, region, 150);
    };
    await sixteen(middle);
    await middle.seal();
    await sixteen(south);
    await east.trimTo((await east.values()).findIndex((value) => value.startsWith('west 20')));
    await relayAll(east, middle);
    expect(await valuesOf(middle, 'west')).toEqual([...numbered('west', 0, 16), ...numbered('west', 20, 24)]);
    // Of that, retention has taken the sixteen; north has the first twelve, and waits for nobody.
    await middle.seal();
    const settings = retentionSettings({ 'retention.bytes': '1' });
    await retainOnce(middle.parts, middle.pk, settings, middle.call());
    expect(await valuesOf(middle, 'west')).toEqual(numbered('west', 20, 24));
    await relayAll(middle, north);
    expect(await valuesOf(north, 'west')).toEqual([...numbered('west', 0, 12), ...numbered('west', 20, 24)]);
    await awaited(south);
    expect((await relayAll(north, south)).at(-1)).toMatchObject({ kind: 'missing' });
    await mergedCopyAll(west, south);
    await expectAll([south], 24);
  });

  it('is no matter where the target has it', async () => {
    const { west, east, north } = await lost();
    await mergedCopyAll(west, north);
    await awaited(north);
    await east.trimTo((await east.values()).length);
    await produceSome(west, { from: 24, to: 28 });
    await mergedCopyAll(west, east);
    await relayAll(east, north);
    await expectAll([north], 28);
  });
});
