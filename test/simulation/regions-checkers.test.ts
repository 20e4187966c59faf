import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../lib/record/index.ts';
import { DAY_MS } from './durations.ts';
import { seededRandom } from './random.ts';
import type { Evidence } from './regions/evidence.ts';
import { drawRegions, type RegionsProfile } from './regions/regions-profile.ts';
import { historyOf, violationsIn } from './regions/simulate-regions.ts';

const codecs = await loadCodecs();
const BOTH: RegionsProfile['flows'] = [
  ['a', 'b'],
  ['b', 'a'],
];
const PLAIN = { starts: ['earliest'], lateRate: 0, lossRate: 0, recreationRate: 0 } as const;
const KEPT = { 'hot.retention.ms': String(DAY_MS), 'retention.ms': '-1' };

/** A history in which there is something of everything that is changed below. */
async function history(
  policy: RegionsProfile['policy'],
  wanted: Partial<RegionsProfile>,
  seed: number,
): Promise<Evidence> {
  const drawn = drawRegions(seededRandom(seed ^ 0x5eed), policy);
  const base = { ...drawn.base, topicConfigs: KEPT, eraCount: 3, producesPerEra: 8 };
  const fixed = { base, aliases: ['a', 'b'], flows: BOTH, movers: 2, runsPerEra: 4, trimsPerEra: 0 };
  const profile = { ...drawn, ...fixed, ...wanted };
  const { evidence, problems } = await historyOf({ seed, codecs, profile });
  expect([...problems, ...violationsIn(evidence)]).toEqual([]);
  return evidence;
}

const plain = await history('prefixed', PLAIN, 1);
const merged = await history('merged', { lossRate: 0 }, 2);
const promoted = await history(
  'identity',
  { promotes: true, lossRate: 1, haltsPerEra: 0, recreationRate: 0 },
  3,
);
const ALWAYS = { fromMs: 0, toMs: Number.POSITIVE_INFINITY };

describe('what the checkers of regions say when', () => {
  it('a frozen region has taken records', () => {
    const freezes = [{ alias: 'a', ...ALWAYS }];
    expect(violationsIn(withWorld(plain, { freezes }))).toContainEqual(
      expect.stringMatching(/^a\/.* stored .* in a, which is frozen/),
    );
  });

  it('a flow that was paused has copied', () => {
    const halts = [{ alias: 'a', source: 'b', ...ALWAYS }];
    expect(violationsIn(withWorld(plain, { halts }))).toContainEqual(
      expect.stringMatching(/^a\/replicator .* of a flow that was halted when it began/),
    );
  });

  it('a copy begins where the source had not come to', () => {
    const changed = changedStart(plain, 1_000);
    expect(violationsIn(changed)).toContainEqual(
      expect.stringMatching(/begins at 1000: the source ended at/),
    );
  });

  it('a copy begins behind records that were asked for', () => {
    expect(violationsIn(changedStart(plain, 1))).toContainEqual(
      expect.stringMatching(/begins at 1: (the source began at 0|inside the batch)/),
    );
  });

  it('a position stands behind what nobody was given, or something was never given', () => {
    const violations = violationsIn(withWorld(plain, { deliveries: [] }));
    expect(violations).toContainEqual(expect.stringMatching(/ put \d+ .*, and nobody was given [ab]#\d+/));
    expect(violations).toContainEqual(expect.stringMatching(/the group was never given [ab]#\d+ at \d+/));
  });

  it('a position has lost on its way what the group had read', () => {
    const changes = [...merged.world.regions.values()].flatMap(({ storage }) => storage.catalog.changes);
    const vectors = changes.filter(({ key, item }) => key.pk.startsWith('offsets#') && item?.attributes.p);
    expect(vectors.length).toBeGreaterThan(0);
    const kept = vectors.map(({ item }) => item?.attributes as Record<string, unknown>);
    const parts = kept.map(({ p }) => p);
    for (const attributes of kept) delete attributes.p;
    expect(violationsIn(merged)).toContainEqual(expect.stringMatching(/[ab]#\d+ would be given again/));
    for (const [i, attributes] of kept.entries()) attributes.p = parts[i];
    expect(violationsIn(merged)).toEqual([]);
  });

  it('a promoted topic was written to below where it was promoted, or by a replicator behind what was written', () => {
    const [alias, heir] = heirOf(promoted);
    const endOffsets = [1_000, 1_000, 1_000, 1_000, 1_000];
    const other = { ...heir, promoted: { source: '', topicId: '', ...heir.promoted, endOffsets } };
    const topics = new Map(promoted.topics.get(alias)).set(heir.topicId, other);
    const changed = { ...promoted, topics: new Map(promoted.topics).set(alias, topics) };
    expect(violationsIn(changed)).toContainEqual(expect.stringMatching(/ was written here, below 1000/));
  });
});

function withWorld(evidence: Evidence, changes: Partial<Evidence['world']>): Evidence {
  return { ...evidence, world: { ...evidence.world, ...changes } };
}

/** Of every copy that begins with its source. */
function changedStart(evidence: Evidence, offset: number): Evidence {
  const starts = new Map(
    [...evidence.starts].map(([alias, ofRegion]) => [
      alias,
      new Map([...ofRegion].map(([pk, one]) => [pk, { ...one, first: { ...one.first, offset } }])),
    ]),
  );
  return { ...evidence, starts };
}

function heirOf({ topics }: Evidence) {
  for (const [alias, ofRegion] of topics) {
    for (const topic of ofRegion.values()) if (topic.promoted !== undefined) return [alias, topic] as const;
  }
  throw new Error('nothing was promoted');
}
