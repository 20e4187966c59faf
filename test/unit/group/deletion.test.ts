import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import { expireGroups } from '../../../lib/group/ending/expire-groups.ts';
import { FORGOTTEN_KEY } from '../../../lib/group/ending/forgotten.ts';
import { groupKey } from '../../../lib/group/group-item.ts';
import { GROUPS_KEY } from '../../../lib/group/registry.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { refusal } from '../../support/log-on-memory.ts';
import { dyingAt, interferedWith } from '../segment/compact/interference.ts';
import {
  at,
  codes,
  GROUP,
  outcome,
  place,
  positions,
  type Scene,
  scene,
  survives,
  take,
} from './offset-support.ts';

/** Items under a key. */
async function left({ storage, call }: Scene, pk: string): Promise<number> {
  return (await storage.catalog.query(pk, { limit: 1_000, consistent: true }, call())).items.length;
}

/** Under the keys of all incarnations that the scene's group has had. */
async function offsetsLeft(s: Scene, incarnations: readonly string[]): Promise<number> {
  const counts = await Promise.all(incarnations.map((incarnation) => left(s, `offsets#${incarnation}`)));
  return counts.reduce((sum, count) => sum + count, 0);
}

const job = (s: Scene, parts: EngineParts = engineParts(s.storage)) => expireGroups(parts, s.call());

describe('deleting a group', () => {
  it('takes its positions and leaves a name that begins anew', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5), at(1, 6)] }, s.call());
    await process.groups.delete(GROUP, s.call());
    expect(await positions(process, s.call())).toEqual([]);
    expect(await process.groups.list(s.call())).toEqual([]);
    for (const ask of ['describe', 'delete', 'lags'] as const) {
      expect(await refusal(process.groups[ask](GROUP, s.call()))).toBe('GROUP_ID_NOT_FOUND');
    }
    await process.groups.commit({ groupId: GROUP, offsets: [at(1, 2)] }, s.call());
    expect(await positions(process, s.call())).toEqual(['1:2']);
    expect((await process.groups.list(s.call())).map(({ groupId }) => groupId)).toEqual([GROUP]);
  });

  it('is refused while it has members', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    expect(await refusal(process.groups.delete(GROUP, s.call()))).toBe('NON_EMPTY_GROUP');
    s.clock.advance(60_000);
    // The member has died in the meantime.
    expect(await refusal(process.groups.delete(GROUP, s.call()))).toBe('none');
  });

  it('is not undone by what its members send late: neither a commit nor a taking over is read again', async () => {
    const s = await scene();
    const { incarnation } = await s.assign(['a', 'a']);
    const a = await s.member('a');
    const frozen = await s.process();
    await take(frozen, a, [0], s.call());
    await frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 5)] }, s.call());

    // A taking over that stands still between its look at the group and its put.
    const { catalog } = s.storage;
    let isOpen = true;
    const put: typeof catalog.put = async (item, ...rest) => {
      if (isOpen) {
        isOpen = false;
        await s.assign([]);
        await (await s.process()).groups.delete(GROUP, s.call());
        expect(await offsetsLeft(s, [incarnation])).toBe(0);
      }
      return catalog.put(item, ...rest);
    };
    const slow = await s.process({ catalog: { ...catalog, put } });
    await take(slow, a, [1], s.call());
    expect(await offsetsLeft(s, [incarnation])).toBe(1);
    const late = frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 6)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);

    const process = await s.process();
    expect(await positions(process, s.call())).toEqual([]);
    const next = await s.assign(['b', 'b']);
    expect(next.incarnation).not.toBe(incarnation);
    expect(await take(process, await s.member('b'), [0, 1], s.call())).toEqual([undefined, undefined]);

    // What came late is removed an hour later.
    for (const _ of ['seen first', 'too soon']) {
      expect(await job(s)).toMatchObject({ waitingCount: 1, removedOffsetCount: 0 });
    }
    s.clock.advance(LIMITS.forgottenOffsetsMsMin);
    await s.assign(['b', 'b']);
    expect(await job(s)).toMatchObject({ waitingCount: 0, removedOffsetCount: 1 });
    expect(await offsetsLeft(s, [incarnation])).toBe(0);
    expect(await left(s, FORGOTTEN_KEY)).toBe(0);
  });

  it('cut off at any request leaves the group whole or gone, and the job removes the rest', async () => {
    for (let request = 1, isOver = false; !isOver; request += 1) {
      for (const afterwards of [false, true]) {
        const s = await scene();
        const process = await s.process();
        const { incarnation } = await s.assign([]);
        await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5), at(1, 6)] }, s.call());
        const dying = interferedWith(engineParts(s.storage), dyingAt(request, { afterwards }));
        const doomed = await s.process({ catalog: dying.catalog });
        isOver = await survives(doomed.groups.delete(GROUP, s.call()));
        const intact = (await process.groups.list(s.call())).length === 0 ? [] : ['0:5', '1:6'];
        expect(await positions(process, s.call())).toEqual(intact);
        await job(s);
        s.clock.advance(LIMITS.forgottenOffsetsMsMin);
        await job(s);
        expect(await offsetsLeft(s, [incarnation])).toBe(intact.length);
        expect(await left(s, FORGOTTEN_KEY)).toBe(0);
        expect(await positions(process, s.call())).toEqual(intact);
        await process.groups.commit({ groupId: GROUP, offsets: [at(0, 7)] }, s.call());
        expect((await process.groups.list(s.call())).length).toBe(1);
      }
    }
  });

  it('takes the group off the list when nobody can be creating it any more', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
    await process.groups.delete(GROUP, s.call());
    await job(s);
    expect(await left(s, GROUPS_KEY)).toBe(1);
    s.clock.advance(LIMITS.groupRegistrationMsMin);
    await job(s);
    expect(await left(s, GROUPS_KEY)).toBe(0);
    expect(await left(s, groupKey(GROUP))).toBe(1);
  });
});

describe('deleting positions', () => {
  it('is for topics that no member subscribes to', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const remove = (partition: number) =>
      refusal(process.groups.deleteOffsets(GROUP, [place(partition)], s.call()));
    expect(await remove(0)).toBe('GROUP_SUBSCRIBED_TO_TOPIC');
    expect(await refusal(process.groups.deleteOffsets('none', [place(0)], s.call()))).toBe(
      'GROUP_ID_NOT_FOUND',
    );
    expect(
      await refusal(process.groups.deleteOffsets(GROUP, [{ topic: 'none', partition: 0 }], s.call())),
    ).toBe('none');
    await s.assign([]);
    expect(await remove(0)).toBe('none');
  });

  it('leaves no position, not even by what a former owner sends late', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const frozen = await s.process();
    await take(frozen, a, [0], s.call());
    await frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 5)] }, s.call());
    await s.assign([]);
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(1, 6)] }, s.call());
    await process.groups.deleteOffsets(GROUP, [place(0), place(2)], s.call());
    expect(await positions(process, s.call())).toEqual(['1:6']);
    const late = frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 7)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(await positions(process, s.call())).toEqual(['1:6']);
    expect(codes(await process.groups.commit({ groupId: GROUP, offsets: [at(0, 1)] }, s.call()))).toEqual([
      'ok',
    ]);
  });
});
