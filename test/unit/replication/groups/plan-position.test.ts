import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommittedPosition, PartitionOffset } from '../../../../lib/group/offsets/offset-item.ts';
import { carriedOffset, offsetToCarry } from '../../../../lib/replication/groups/plan-position.ts';

type Standing = Pick<PartitionOffset, 'position' | 'carried'>;
type Committed = Standing & { readonly position: CommittedPosition };

const ALIASES = ['us', 'eu'] as const;
type Alias = (typeof ALIASES)[number];

/** What one region does to one position: its clients commit, or a flow carries the other's over. */
const step = fc.record({
  at: fc.constantFrom(...ALIASES),
  what: fc.constantFrom('commit', 'carry'),
  offset: fc.nat({ max: 20 }),
  end: fc.nat({ max: 20 }),
  skewMs: fc.integer({ min: -100, max: 100 }),
});

/** Both regions' items of one position. */
class Regions {
  readonly standing = new Map<Alias, Standing>();
  /** What the clients of a region committed there last. */
  readonly local = new Map<Alias, number>();

  commit(at: Alias, offset: number, committedMs: number): void {
    const position = { offset, leaderEpoch: -1, metadata: '', committedMs };
    this.standing.set(at, { ...this.standing.get(at), position });
    this.local.set(at, offset);
  }

  /** What is stored; undefined: nothing. */
  carry(at: Alias, end: number): Standing | undefined {
    const source = at === 'us' ? 'eu' : 'us';
    const theirs = this.standing.get(source);
    if (!isLocal(theirs)) return undefined;
    const both = { source, region: at, theirs, ours: this.standing.get(at) };
    const offset = offsetToCarry(both);
    const next = offset === undefined ? undefined : carriedOffset({ ...both, offset, end });
    if (next !== undefined) this.standing.set(at, next);
    return next;
  }

  offset(at: Alias): number {
    return this.standing.get(at)?.position?.offset ?? 0;
  }
}

function isLocal(standing: Standing | undefined): standing is Committed {
  return standing?.position !== undefined && standing.position.source === undefined;
}

function checkCarry(regions: Regions, at: Alias, end: number): void {
  const next = regions.carry(at, end);
  if (next === undefined) return;
  expect(regions.offset(at)).toBeLessThanOrEqual(end);
  expect(regions.offset(at)).toBeGreaterThanOrEqual(regions.local.get(at) ?? 0);
  expect(next.position?.source).toBe(at === 'us' ? 'eu' : 'us');
  expect(regions.carry(at, end)).toBe(undefined);
}

describe('where a group goes on after another region', () => {
  it('never beyond the end, never behind local clients, and nothing is carried twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const regions = new Regions();
        const ends = new Map<Alias, number>();
        for (const [nowMs, { at, what, offset, end, skewMs }] of steps.entries()) {
          const grown = Math.max(ends.get(at) ?? 0, what === 'commit' ? offset : end);
          ends.set(at, grown);
          if (what === 'commit') regions.commit(at, offset, nowMs + skewMs);
          else checkCarry(regions, at, grown);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('two regions that carry from each other come to rest', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const regions = new Regions();
        for (const [nowMs, { at, offset, skewMs }] of steps.entries()) {
          regions.commit(at, offset, nowMs + skewMs);
        }
        const rounds = [1, 2, 3, 4].map(() => ALIASES.map((at) => regions.carry(at, 100)));
        expect(rounds.at(-1)).toEqual([undefined, undefined]);
      }),
    );
  });

  it('a position set back here gives way only to a later commit', () => {
    const position = { offset: 60, leaderEpoch: -1, metadata: '', committedMs: 1_000 };
    const ours = (committedMs: number): Standing => ({
      position: { ...position, offset: 0, committedMs },
      carried: { source: 'us', offset: 50 },
    });
    const between = { source: 'us', region: 'eu', theirs: { position } };
    expect(offsetToCarry({ ...between, ours: ours(2_000) })).toBe(undefined);
    expect(offsetToCarry({ ...between, ours: ours(500) })).toBe(60);
  });
});
