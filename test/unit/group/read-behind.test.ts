import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type OffsetRange,
  type ReadBehind,
  readBehind,
  seenBehind,
  stillBehind,
  vectorAt,
} from '../../../lib/group/offsets/read-behind.ts';
import { HERE, vectorBeyond } from '../../../lib/group/offsets/vector.ts';
import type { Vector } from '../../../lib/groups.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { type ForeignStretch, foreignWithin } from '../../../lib/segment/foreign-stretches.ts';

const REGIONS = [HERE, 'west', 'north'];

/** Where the record at each offset was produced, and its offset there. Sources may have trimmed records in between. */
type Origins = readonly { readonly region: string; readonly sequence: number }[];

const stretches = fc.array(
  fc.record({
    region: fc.constantFrom(...REGIONS),
    count: fc.integer({ min: 1, max: 4 }),
    hole: fc.option(fc.nat(3), { nil: 0, freq: 4 }),
  }),
  { minLength: 1, maxLength: 30 },
);

function logOf(
  parts: readonly { readonly region: string; readonly count: number; readonly hole: number }[],
): {
  readonly origins: Origins;
  readonly foreign: readonly ForeignStretch[];
} {
  const origins: { region: string; sequence: number }[] = [];
  const foreign: ForeignStretch[] = [];
  const nexts = new Map<string, number>();
  for (const { region, count, hole } of parts) {
    const baseOffset = origins.length;
    const sourceOffset = region === HERE ? baseOffset : (nexts.get(region) ?? 0) + hole;
    for (let i = 0; i < count; i += 1) origins.push({ region, sequence: sourceOffset + i });
    nexts.set(region, sourceOffset + count);
    if (region !== HERE) foreign.push({ region, baseOffset, endOffset: baseOffset + count, sourceOffset });
  }
  return { origins, foreign };
}

const isCovered = (vector: Vector | undefined, { region, sequence }: Origins[number]): boolean =>
  sequence < (vector?.get(region) ?? 0);

/** How far the records of each region have been read by who has passed everything before an offset. */
function passedAt(origins: Origins, offset: number): Map<string, number> {
  const passed = new Map([[HERE, offset]]);
  for (const { region, sequence } of origins.slice(0, offset)) {
    if (region !== HERE) passed.set(region, sequence + 1);
  }
  return passed;
}

/** Reads in pieces; what was told to have been read, by offset. */
function readThrough(
  behind: ReadBehind,
  log: ReturnType<typeof logOf>,
  cuts: readonly number[],
): { readonly behind: ReadBehind; readonly read: readonly boolean[] } {
  const read = log.origins.map(() => false);
  let now = behind;
  let at = behind.from;
  for (let turn = 0; at < log.origins.length; turn += 1) {
    const nextOffset = Math.min(log.origins.length, at + 1 + (cuts[turn % cuts.length] ?? 0));
    const range = { from: at, nextOffset, ...foreignWithin(log.foreign, at, nextOffset) };
    const seen: { behind: ReadBehind; read: readonly OffsetRange[] } = seenBehind(now, range);
    for (const { from, to } of seen.read) {
      expect([from < to, from >= at, to <= nextOffset]).toEqual([true, true, true]);
      read.fill(true, from, to);
    }
    now = seen.behind;
    at = nextOffset;
  }
  return { behind: now, read };
}

const scenario = fc.record({
  parts: stretches,
  from: fc.nat(40),
  vector: fc.uniqueArray(fc.tuple(fc.constantFrom(...REGIONS, 'gone'), fc.nat(60)), {
    selector: ([region]) => region,
  }),
  cuts: fc.array(fc.nat(12), { minLength: 1, maxLength: 5 }),
});

describe('what was read behind a position', () => {
  it('is told of every offset that a vector covers and of no other, in whatever pieces the log is read', () => {
    fc.assert(
      fc.property(scenario, ({ parts, from, vector: entries, cuts }) => {
        const log = logOf(parts);
        const position = Math.min(from, log.origins.length);
        const vector = vectorBeyond(new Map(entries), position);
        const behind = readBehind(vector, position);
        if (behind === undefined) return;
        const { read } = readThrough(behind, log, cuts);
        const covered = log.origins.map((one, offset) => offset >= position && isCovered(vector, one));
        expect(read).toEqual(covered);
      }),
      { numRuns: 2_000 },
    );
  });

  it('can always be committed again', () => {
    const many = new Map(Array.from({ length: 100 }, (_, i) => [`region-${i}`, i + 1]));
    expect(vectorAt(readBehind(many, 0), 0)?.size).toBe(LIMITS.vectorRegionsMax);
  });

  it('is the same for who goes on at any offset on the way, with what belongs into its commit', () => {
    fc.assert(
      fc.property(scenario, ({ parts, from, vector: entries, cuts }) => {
        const log = logOf(parts);
        const position = Math.min(from, log.origins.length);
        // Those who store it leave out what the offset says; a reader does not know what stands before it.
        const before = passedAt(log.origins, position);
        const vector = new Map(entries.filter(([region, next]) => next > (before.get(region) ?? 0)));
        const behind = readBehind(vector, position);
        if (behind === undefined) return;
        const { behind: after } = readThrough(behind, log, cuts);
        for (let offset = position; offset <= log.origins.length; offset += 1) {
          const left = vectorAt(after, offset);
          const later = log.origins.slice(offset);
          expect(later.map((one) => isCovered(left, one))).toEqual(
            later.map((one) => isCovered(vector, one)),
          );
          // Together with what the offset says it tells as much as before, and no part of it longer than it does.
          const passed = passedAt(log.origins, offset);
          for (const region of [...REGIONS, 'gone']) {
            const said = passed.get(region) ?? 0;
            const whole = Math.max(said, vector.get(region) ?? 0);
            expect(Math.max(said, left?.get(region) ?? 0)).toBe(whole);
            expect(left?.has(region) ?? false).toBe(whole > said);
          }
          expect(vectorAt(stillBehind(after, offset), offset)).toEqual(left);
        }
        expect(vectorAt(after, position - 1)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });
});
