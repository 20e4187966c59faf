import { describe, expect, it } from 'vitest';
import type { CommittedPosition } from '../../../../lib/group/offsets/offset-item.ts';
import type { Vector } from '../../../../lib/groups.ts';
import { checkpointsTopic } from '../../../../lib/replication/groups/checkpoints.ts';
import { decodeCheckpoint } from '../../../../lib/replication/groups/mirror-records.ts';
import {
  type BothPositions,
  carriedOffset,
  offsetToCarry,
} from '../../../../lib/replication/groups/plan-position.ts';
import { BOTH, fill, GROUP, type GroupWorld, groupWorld } from './group-world.ts';

const MERGED = BOTH.map(([target, source]) => [target, source, { policy: 'merged' }] as const);

/**
 * `orders`, which both write. In eu: 100 of us, 20 of its own, 50 of us. In us: its own 150, and what eu has produced only
 * when a flow has run there.
 */
async function apart(): Promise<GroupWorld> {
  const g = await groupWorld(['us', 'eu'], MERGED);
  await fill(g, 'us', 'orders', 100);
  await g.carry('eu', 'us');
  await fill(g, 'eu', 'orders', 20);
  await fill(g, 'us', 'orders', 50);
  return g;
}

const positions = async (g: GroupWorld, region: string) =>
  (await g.standing(region)).map(({ position }) => [
    position?.offset,
    Object.fromEntries(position?.vector ?? []),
    position?.source,
  ]);

async function commit(g: GroupWorld, region: string, offset: number, vector?: Vector): Promise<void> {
  const offsets = [{ topic: 'orders', partition: 0, offset, ...(vector === undefined ? {} : { vector }) }];
  const [result] = await g.groups(region).commit({ groupId: GROUP, offsets }, g.world.call());
  if (result?.error !== undefined) throw result.error;
}

describe('a position in a topic that is written in both regions', () => {
  it('stands before everything that was not read, and says what was read of what stands behind it', async () => {
    const g = await apart();
    await commit(g, 'us', 130);
    await g.carry('eu', 'us');
    expect(await positions(g, 'eu')).toEqual([[100, { us: 130 }, 'us']]);
    const told = (await g.mirrored('eu', checkpointsTopic('us'))).map(decodeCheckpoint);
    expect(told).toMatchObject([{ topic: 'orders', sourceOffset: 130, targetOffset: 100 }]);
    expect((await g.join('eu', 'orders')).position).toBe(100);
    expect(g.world.faults).toEqual([]);
  });

  it('follows the source, and comes nearer as records are copied', async () => {
    const g = await apart();
    await commit(g, 'us', 130);
    await g.carry('eu', 'us');
    await g.carry('us', 'eu');
    // Ten of eu's twenty, at 150 to 159 in us.
    await commit(g, 'us', 160);
    await g.carry('eu', 'us');
    expect(await positions(g, 'eu')).toEqual([[110, { us: 160 }, 'us']]);
    await commit(g, 'us', 170);
    await g.carry('eu', 'us');
    expect(await positions(g, 'eu')).toEqual([[170, {}, 'us']]);
    await commit(g, 'us', 30);
    await g.carry('eu', 'us');
    expect(await positions(g, 'eu')).toEqual([[30, {}, 'us']]);
  });

  it('comes over and back without going to and fro', async () => {
    const g = await apart();
    await commit(g, 'us', 130);
    for (let round = 0; round < 2; round += 1) for (const [to, from] of BOTH) await g.carry(to, from);
    const items = [...(await g.standing('us')), ...(await g.standing('eu'))];
    for (let round = 0; round < 2; round += 1) for (const [to, from] of BOTH) await g.carry(to, from);
    expect([...(await g.standing('us')), ...(await g.standing('eu'))]).toEqual(items);
    // Somebody who passes over what he has read goes on in eu: from 100, behind five of its own.
    await commit(g, 'eu', 105, new Map([['us', 130]]));
    await g.carry('us', 'eu');
    expect(await positions(g, 'us')).toEqual([[130, { eu: 105 }, 'eu']]);
    await g.carry('eu', 'us');
    expect(await positions(g, 'eu')).toEqual([[105, { us: 130 }, undefined]]);
  });

  it('is nearer when its records come, although nobody commits', async () => {
    const g = await apart();
    await g.carry('us', 'eu');
    await commit(g, 'us', 170);
    await g.world.region('eu').flows.pause('us', g.world.call());
    await g.carry('eu', 'us');
    expect(await positions(g, 'eu')).toEqual([]);
    await g.world.region('eu').flows.resume('us', g.world.call());
    await g.carry('eu', 'us', 70_000);
    expect(await positions(g, 'eu')).toEqual([[170, {}, 'us']]);
  });
});

describe('what is carried over local commits', () => {
  const at = (offset: number, vector?: Vector): CommittedPosition => ({
    ...{ offset, leaderEpoch: 4, metadata: '', committedMs: 1_000 },
    ...(vector === undefined ? {} : { vector }),
  });
  const between = (
    translated: { readonly offset: number; readonly vector?: Vector },
    ours: CommittedPosition,
    here = 40,
  ): BothPositions => ({
    ...{ source: 'us', region: 'eu', translated, theirs: { position: at(900) } },
    ours: { position: ours, carried: { source: 'us', offset: 700, here } },
  });
  const carried = (both: BothPositions, end = 1_000) => {
    const offset = offsetToCarry(both);
    return offset === undefined ? undefined : carriedOffset({ ...both, offset, end });
  };

  it('has been read as well as what local clients have read', () => {
    const both = between({ offset: 60, vector: new Map([['us', 90]]) }, at(50, new Map([['ap', 7]])));
    const next = carried(both);
    expect(next?.position).toEqual({
      ...at(60),
      leaderEpoch: -1,
      vector: new Map([
        ['us', 90],
        ['ap', 7],
      ]),
      source: 'us',
      localOffset: 50,
      localVector: new Map([['ap', 7]]),
    });
    expect(next?.carried).toEqual({ source: 'us', offset: 900, here: 60 });
    // A reset in the source is followed, but not behind that.
    const ours = next?.position;
    if (ours === undefined) throw new Error('something is carried');
    const back = { ...between({ offset: 10 }, ours), theirs: { position: at(10) } };
    expect(carried(back)?.position).toMatchObject({ offset: 50, vector: new Map([['ap', 7]]) });
  });

  it('is new where more has been read behind the same offset', () => {
    const vector = new Map([['us', 90]]);
    expect(carried(between({ offset: 50, vector }, at(50)))?.position).toMatchObject({ offset: 50, vector });
    expect(carried(between({ offset: 50, vector }, at(50, vector)))).toBe(undefined);
    expect(carried(between({ offset: 49, vector }, at(50)))).toBe(undefined);
  });

  it('is compared with what was carried before as that was here', () => {
    expect(carried(between({ offset: 60 }, at(50), 45))?.position?.offset).toBe(60);
    // Local clients have gone back behind it, at the same time as theirs were committed.
    expect(carried(between({ offset: 60 }, at(50), 55))).toBe(undefined);
  });
});
