import { describe, expect, it } from 'vitest';
import { isSameVector, joinedVectors, vectorBeyond } from '../../../lib/group/offsets/vector.ts';
import type { Vector } from '../../../lib/groups.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { refusal } from '../../support/log-on-memory.ts';
import { at, codes, GROUP, type Process, place, scene, take } from './offset-support.ts';

const vectorOf = (parts: Readonly<Record<string, number>>): Vector => new Map(Object.entries(parts));

/** What has been read behind the position of partition 0; undefined: nothing. */
async function vectorIn({ groups }: Process, call: ReturnType<Awaited<ReturnType<typeof scene>>['call']>) {
  const [found] = await groups.committed(GROUP, [place(0)], call);
  return found?.vector === undefined ? undefined : Object.fromEntries(found.vector);
}

describe('what has been read behind a position', () => {
  it('is committed with it, read with it, and handed to the next owner', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const member = await s.member('a');
    await take(process, member, [0], s.call());
    const offsets = [at(0, 3, { vector: vectorOf({ west: 40, '': 7 }) })];
    expect(codes(await process.groups.commit({ groupId: GROUP, member, offsets }, s.call()))).toEqual(['ok']);
    expect(await vectorIn(process, s.call())).toEqual({ west: 40, '': 7 });
    await s.assign(['b']);
    const next = await s.member('b');
    const [taken] = await (await s.process()).groups.takeOver(
      { groupId: GROUP, ...next, places: [place(0)] },
      s.call(),
    );
    expect(taken?.committed?.vector).toEqual(vectorOf({ west: 40, '': 7 }));
  });

  it('goes with a commit that says nothing of it, and with a reset', async () => {
    const s = await scene();
    const process = await s.process();
    const withVector = { groupId: GROUP, offsets: [at(0, 3, { vector: vectorOf({ west: 40 }) })] };
    await process.groups.commit(withVector, s.call());
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 3)] }, s.call());
    expect(await vectorIn(process, s.call())).toBeUndefined();
    await process.groups.commit(withVector, s.call());
    expect(await vectorIn(process, s.call())).toEqual({ west: 40 });
    await process.groups.resetOffsets(GROUP, [{ ...place(0), to: { offset: 3 } }], s.call());
    expect(await vectorIn(process, s.call())).toBeUndefined();
  });

  it('is stored by a reset that names it, where that is so', async () => {
    const s = await scene();
    const process = await s.process();
    const reset = (vector: Vector) =>
      refusal(process.groups.resetOffsets(GROUP, [{ ...place(0), to: { offset: 3, vector } }], s.call()));
    expect(await reset(vectorOf({ '': 11 }))).toBe('OFFSET_OUT_OF_RANGE');
    expect(await reset(vectorOf({ west: -1 }))).toBe('INVALID_REQUEST');
    expect(await vectorIn(process, s.call())).toBeUndefined();
    expect(await reset(vectorOf({ '': 10, west: 40, north: 0 }))).toBe('none');
    expect(await vectorIn(process, s.call())).toEqual({ '': 10, west: 40 });
    expect(await reset(vectorOf({ '': 3 }))).toBe('none');
    expect(await vectorIn(process, s.call())).toBeUndefined();
  });

  it('is part of a commit within a transaction', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const member = await s.member('a');
    await take(process, member, [0], s.call());
    const offset = at(0, 1, { vector: vectorOf({ west: 2 }) });
    const store = s.storage.catalog.put;
    await process.groups.commitWithin({ groupId: GROUP, member, offset, store }, s.call());
    expect(await vectorIn(process, s.call())).toEqual({ west: 2 });
  });

  it('is not stored where the offset says as much', async () => {
    const s = await scene();
    const process = await s.process();
    const offsets = [at(0, 3, { vector: vectorOf({ '': 3, west: 0 }) })];
    await process.groups.commit({ groupId: GROUP, offsets }, s.call());
    expect(await vectorIn(process, s.call())).toBeUndefined();
  });

  it('lies in the log as far as it is of this region, and names few regions', async () => {
    const s = await scene();
    const process = await s.process();
    const many = (count: number): Vector =>
      new Map(Array.from({ length: count }, (_, i) => [`region-${i}`, i + 1]));
    const offsets = [
      at(0, 3, { vector: vectorOf({ '': 11 }) }),
      at(0, 3, { vector: vectorOf({ west: -1 }) }),
      at(0, 3, { vector: vectorOf({ west: 1.5 }) }),
      at(0, 3, { vector: vectorOf({ ['a'.repeat(101)]: 1 }) }),
      at(0, 3, { vector: many(LIMITS.vectorRegionsMax + 1) }),
      at(0, 3, { vector: { west: 1 } as unknown as Vector }),
      at(0, 3, { vector: many(LIMITS.vectorRegionsMax) }),
    ];
    expect(codes(await process.groups.commit({ groupId: GROUP, offsets }, s.call()))).toEqual([
      'OFFSET_OUT_OF_RANGE',
      ...Array.from({ length: 5 }, () => 'INVALID_REQUEST'),
      'ok',
    ]);
  });
});

describe('two vectors', () => {
  it('joined say what somebody has read who has read what either says', () => {
    const joined = joinedVectors(vectorOf({ west: 4, north: 2 }), vectorOf({ west: 3, '': 9 }));
    expect(joined).toEqual(vectorOf({ west: 4, north: 2, '': 9 }));
    expect(joinedVectors(undefined, joined)).toBe(joined);
    expect(joinedVectors(undefined, undefined)).toBeUndefined();
  });

  it('are the same if they say the same', () => {
    expect(isSameVector(undefined, new Map())).toBe(true);
    expect(isSameVector(vectorOf({ a: 1, b: 2 }), vectorOf({ b: 2, a: 1 }))).toBe(true);
    expect(isSameVector(vectorOf({ a: 1 }), vectorOf({ a: 2 }))).toBe(false);
    expect(isSameVector(vectorOf({ a: 1 }), vectorOf({ b: 1 }))).toBe(false);
  });

  it('leave behind an offset only what goes beyond it', () => {
    expect(vectorBeyond(vectorOf({ '': 5, west: 3 }), 5)).toEqual(vectorOf({ west: 3 }));
    expect(vectorBeyond(vectorOf({ '': 5 }), 4)).toEqual(vectorOf({ '': 5 }));
    expect(vectorBeyond(vectorOf({ west: 0 }), 0)).toBeUndefined();
  });
});
