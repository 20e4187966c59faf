import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../lib/record/index.ts';
import { LOG_START_KEY, SEGMENT_PREFIX } from '../../lib/segment/segment-item.ts';
import type { Item } from '../../lib/storage/table.ts';
import { livePartitions } from './places.ts';
import { CALM, type Profile } from './profile.ts';
import { type Outcome, simulate } from './run.ts';
import type { Storage } from './storage.ts';
import type { World } from './world.ts';

const codecs = await loadCodecs();
const SEALING: Partial<Profile> = { jobsPerEra: { seal: 4 } };
const SPILLING: Partial<Profile> = { inlineBytesBreakEven: 50, valueBytesMax: 300 };

/** A calm run in which somebody tampers with storage behind the engine's back, once all writers are done. */
function tampered(tamper: (world: World, pk: string) => void, more: Partial<Profile> = {}): Promise<Outcome> {
  return simulate({
    seed: 5,
    codecs,
    profile: { ...CALM, ...more },
    onWorld: (world) => {
      world.scheduler.schedule(60_000, () => {
        for (const pk of livePartitions(world.storage)) tamper(world, pk);
      });
    },
  });
}

function segmentsOf(storage: Storage, pk: string): readonly Item<string>[] {
  return storage.catalog.peek(pk).filter(({ sk }) => sk.startsWith(SEGMENT_PREFIX));
}

function invariants(outcome: Outcome): ReadonlySet<string> {
  return new Set(outcome.violations.map(({ invariant }) => invariant));
}

describe('the checkers', () => {
  it('find nothing where nothing is done', async () => {
    expect((await tampered(() => undefined)).report()).toBe('nothing is broken');
  });

  it('notice a chunk that vanished (I3)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const [first] = storage.hot.peek(pk);
      if (first !== undefined) storage.hot.delete(first, first.version, 'vandal');
    });
    expect(invariants(outcome)).toContain('I3');
  });

  it('notice a chunk behind a gap (I1)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const [first] = storage.hot.peek(pk);
      if (first !== undefined) storage.hot.put({ ...first, sk: 1_000 }, { kind: 'ifAbsent' }, 'vandal');
    });
    expect(invariants(outcome)).toContain('I1');
  });

  it('notice that a record stands twice (I4)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const items = storage.hot.peek(pk);
      const [first, last] = [items[0], items.at(-1)];
      if (first === undefined || last === undefined) return;
      const sk = last.sk + Number(last.attributes.n);
      storage.hot.put({ ...first, sk, version: 'copy' }, { kind: 'ifAbsent' }, 'vandal');
    });
    expect(invariants(outcome)).toContain('I4');
  });

  it('notice a chunk that was overwritten (I1)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const [first, second] = storage.hot.peek(pk);
      if (first === undefined || second === undefined) return;
      const changed = { ...first, version: 'changed', attributes: second.attributes };
      storage.hot.put(changed, { kind: 'ifVersion', version: first.version }, 'vandal');
    });
    expect(invariants(outcome)).toContain('I1');
  });

  it('notice an object that vanished while a chunk pointed to it (I7)', async () => {
    const outcome = await tampered(({ storage }) => {
      for (const { key } of storage.bucket.list('', '', 1).objects) storage.bucket.delete(key, 'vandal');
    }, SPILLING);
    expect(invariants(outcome)).toContain('I7');
  });

  it('notice that the last segment item vanished (I6)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const last = segmentsOf(storage, pk).at(-1);
      if (last !== undefined) storage.catalog.delete(last, last.version, 'vandal');
    }, SEALING);
    expect(invariants(outcome)).toContain('I6');
  });

  it('notice a segment that lost its records for no reason (I8)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const [first] = segmentsOf(storage, pk);
      if (first === undefined) return;
      const { o: _, ...attributes } = first.attributes;
      const emptied = { ...first, version: 'emptied', attributes: { ...attributes, s: 0 } };
      storage.catalog.put(emptied, { kind: 'ifVersion', version: first.version }, 'vandal');
    }, SEALING);
    expect(invariants(outcome)).toContain('I8');
  });

  it('notice an object that vanished while a segment refers to it (I7)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const [first] = segmentsOf(storage, pk);
      if (first !== undefined) storage.bucket.delete(String(first.attributes.o), 'vandal');
    }, SEALING);
    expect(invariants(outcome)).toContain('I7');
  });

  it('notice a log start that moved though nobody asked and nothing was old (I3)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const start = { pk, sk: LOG_START_KEY, version: 'moved', attributes: { f: 1, s: 2 } };
      storage.catalog.put(start, { kind: 'ifAbsent' }, 'vandal');
    });
    expect(invariants(outcome)).toContain('I3');
  });

  it('notice a log start that moved back (I3)', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const start = { pk, sk: LOG_START_KEY, version: 'moved', attributes: { f: 1, s: 3 } };
      storage.catalog.put(start, { kind: 'ifAbsent' }, 'vandal');
      const back = { ...start, version: 'back', attributes: { f: 1, s: 1 } };
      storage.catalog.put(back, { kind: 'ifVersion', version: 'moved' }, 'vandal');
    });
    expect(outcome.violations.some(({ message }) => message.includes('back to 1'))).toBe(true);
  });

  it('tell the seed, the invariant, the place and what happened around it', async () => {
    const outcome = await tampered(({ storage }, pk) => {
      const [first] = storage.hot.peek(pk);
      if (first !== undefined) storage.hot.delete(first, first.version, 'vandal');
    });
    const report = outcome.report();
    expect(report).toMatch(/^seed 5, profile calm\nI\d+ \+0d/);
    expect(report).toContain('vandal   hot.delete');
    expect(report.split('\n').length).toBeLessThan(70);
  });
});
