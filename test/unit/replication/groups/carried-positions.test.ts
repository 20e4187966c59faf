import { describe, expect, it } from 'vitest';
import { BOTH, errandOf, fill, GROUP, groupWorld, pair } from './group-world.ts';

describe('positions of a group in another region', () => {
  it('are there, marked with where they were committed, for consumers that move', async () => {
    const g = await pair();
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(60);
    const [item] = await g.standing('eu');
    expect(item?.position?.source).toBe('us');
    const moved = await g.join('eu', 'us.orders');
    expect(moved.position).toBe(60);
  });

  it('follow the source, back too', async () => {
    const g = await pair();
    for (const offset of [60, 90, 30]) {
      await g.commit('us', 'orders', offset);
      await g.carry('eu', 'us');
      expect(await g.position('eu', 'us.orders')).toBe(offset);
    }
  });

  it('fail over and back: moved consumers repeat nothing but what was not committed', async () => {
    const g = await pair();
    const before = await g.join('us', 'orders');
    expect(await before.commit(40)).toBe('ok');
    await g.carry('eu', 'us');
    await before.leave();
    // Over: 40 was committed.
    const away = await g.join('eu', 'us.orders');
    expect(away.position).toBe(40);
    expect(await away.commit(75)).toBe('ok');
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(75);
    await g.carry('us', 'eu');
    expect(await g.position('us', 'orders')).toBe(75);
    await away.leave();
    // Back: 75 was committed there.
    const back = await g.join('us', 'orders');
    expect(back.position).toBe(75);
    expect(await back.commit(90)).toBe('ok');
    await g.carry('us', 'eu');
    await g.carry('eu', 'us');
    expect([await g.position('us', 'orders'), await g.position('eu', 'us.orders')]).toEqual([90, 90]);
  });

  it('do not go to and fro between two regions', async () => {
    const g = await pair();
    await g.commit('us', 'orders', 60);
    for (let round = 0; round < 3; round += 1) {
      await g.carry('eu', 'us');
      await g.carry('us', 'eu');
    }
    const items = [...(await g.standing('us')), ...(await g.standing('eu'))];
    for (let round = 0; round < 3; round += 1) {
      await g.carry('eu', 'us');
      await g.carry('us', 'eu');
    }
    expect([...(await g.standing('us')), ...(await g.standing('eu'))]).toEqual(items);
    expect(items.map(({ position }) => [position?.offset, position?.source])).toEqual([
      [60, undefined],
      [60, 'us'],
    ]);
  });

  it('are not sent on by a region that has them from another', async () => {
    const g = await groupWorld(
      ['us', 'eu', 'ap'],
      [
        ['eu', 'us'],
        ['ap', 'eu'],
      ],
    );
    await fill(g, 'us', 'orders', 100);
    await g.commit('us', 'orders', 60);
    for (let round = 0; round < 2; round += 1) {
      await g.carry('eu', 'us');
      await g.carry('ap', 'eu', 70_000);
    }
    expect(await g.position('eu', 'us.orders')).toBe(60);
    expect(await g.world.topics('ap')).toContain('eu.us.orders');
    expect(await g.standing('ap')).toEqual([]);
    await g.commit('eu', 'us.orders', 70);
    await g.carry('ap', 'eu');
    expect(await g.position('ap', 'eu.us.orders')).toBe(70);
  });

  it('do not come back to a group that was deleted where they were committed, unless the rule is off', async () => {
    for (const syncedOffsetStays of [true, false]) {
      const g = await pair({ rules: { syncedOffsetStays } });
      await g.commit('us', 'orders', 60);
      await g.carry('eu', 'us');
      await g.groups('us').delete(GROUP, g.world.call());
      await g.carry('us', 'eu');
      expect(await g.position('us', 'orders')).toBe(syncedOffsetStays ? undefined : 60);
    }
  });

  it('never lie beyond what has been copied, and come nearer as it is, unless the rule is off', async () => {
    for (const syncedOffsetBounded of [true, false]) {
      const g = await pair({ rules: { syncedOffsetBounded } });
      const onlyPositions = await errandOf(g);
      await fill(g, 'us', 'orders', 50);
      await g.commit('us', 'orders', 140);
      await onlyPositions();
      expect(await g.position('eu', 'us.orders')).toBe(syncedOffsetBounded ? 100 : 140);
      await g.carry('eu', 'us');
      expect(await g.position('eu', 'us.orders')).toBe(140);
    }
  });

  it('leave a group with members alone', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    const member = await g.join('eu', 'us.orders');
    expect(await member.commit(20)).toBe('ok');
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(20);
    expect(await member.commit(30)).toBe('ok');
    await member.leave();
    await g.carry('eu', 'us', 70_000);
    // What was committed here is newer.
    expect(await g.position('eu', 'us.orders')).toBe(30);
    await g.commit('us', 'orders', 65);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(65);
  });

  it('go over a local commit only forward', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    await g.commit('eu', 'us.orders', 80);
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(80);
    await g.commit('us', 'orders', 95);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(95);
    // What local clients had committed stays the least.
    await g.commit('us', 'orders', 10);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(80);
  });

  it('do not undo a reset that was made after they came', async () => {
    const g = await pair();
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    const reset = [{ topic: 'us.orders', partition: 0, to: 'earliest' as const }];
    await g.groups('eu').resetOffsets(GROUP, reset, g.world.call());
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(0);
    await g.groups('eu').deleteOffsets(GROUP, [{ topic: 'us.orders', partition: 0 }], g.world.call());
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'us.orders')).toBe(undefined);
  });

  it('come of groups and topics that the flow lets through', async () => {
    const g = await groupWorld(
      ['us', 'eu'],
      [['eu', 'us', { groups: ['app-.*'], groupsExclude: ['app-test'], topics: ['orders'] }]],
    );
    await fill(g, 'us', 'orders', 10);
    await fill(g, 'us', 'other', 10);
    for (const id of ['app-a', 'app-test', 'tool']) await g.commit('us', 'orders', 5, id);
    await g.commit('us', 'other', 5, 'app-a');
    await g.carry('eu', 'us');
    expect((await g.groups('eu').list(g.world.call())).map(({ groupId }) => groupId)).toEqual(['app-a']);
    expect((await g.standing('eu', 'app-a')).map(({ topic }) => topic)).toEqual(['us.orders']);
  });

  it('mean the same under identity, both ways', async () => {
    const g = await groupWorld(
      ['us', 'eu'],
      BOTH.map(([target, source]) => [target, source, { policy: 'identity' }] as const),
    );
    await fill(g, 'us', 'orders', 100);
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    expect(await g.position('eu', 'orders')).toBe(60);
    await g.commit('eu', 'orders', 70);
    await g.carry('us', 'eu');
    expect(await g.position('us', 'orders')).toBe(70);
  });
});
