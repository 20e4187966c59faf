import { describe, expect, it } from 'vitest';
import { createBell } from '../../../lib/client/bell.ts';
import type { Consumer } from '../../../lib/client/consumer/consumer.ts';
import { MillraceError } from '../../../lib/errors.ts';
import type { PartitionPlace } from '../../../lib/log.ts';
import { newCall, refusal } from '../../support/log-on-memory.ts';
import { type ConsumerWorld, consumerWorld, readAllNow, readSome, textOfRecord } from './consumer-world.ts';

const PARTITIONS = 6;

/** Reads in the background, as slowly as told, until the consumer is closed. */
function reading(
  world: ConsumerWorld,
  consumer: Consumer,
  options: { readonly workMs?: number } = {},
): { readonly values: string[]; readonly ended: Promise<void> } {
  const values: string[] = [];
  const loop = async (): Promise<void> => {
    for await (const record of consumer) {
      values.push(textOfRecord(record));
      if (options.workMs !== undefined) await world.clock.sleep(options.workMs);
    }
  };
  return { values, ended: loop() };
}

const count = (consumer: Consumer): number => consumer.assignment().length;

async function fill(world: ConsumerWorld, topic: string, each: number): Promise<string[]> {
  const producer = await world.producer();
  const values: string[] = [];
  for (let at = 0; at < each; at += 1) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      values.push(`${partition}/${at}`);
      await producer.send({ topic, partition, value: `${partition}/${at}` });
    }
  }
  return values;
}

describe('consumers of one group', () => {
  it('share the partitions, and take over what one of them leaves', async () => {
    const world = consumerWorld();
    const topic = await world.topic('shared', PARTITIONS);
    const options = { groupId: 'shared', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const [a, b, c] = [
      await world.consumer(options),
      await world.consumer(options),
      await world.consumer(options),
    ];
    const loops = [a, b, c].map((consumer) => reading(world, consumer));
    await world.clock.sleep(30_000);
    expect([a, b, c].map(count)).toEqual([2, 2, 2]);
    await b.close();
    await world.clock.sleep(15_000);
    expect([a, b, c].map(count)).toEqual([3, 0, 3]);
    await Promise.all([a.close(), c.close()]);
    await Promise.all(loops.map(({ ended }) => ended));
  });

  it('finish and commit what they have in hand before they give it up', async () => {
    const world = consumerWorld();
    const topic = await world.topic('handed-on', PARTITIONS);
    const sent = await fill(world, topic, 10);
    const told: string[] = [];
    const options = { groupId: 'handed-on', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const slow = await world.consumer({
      ...options,
      onRevoked: (places) => {
        told.push(...places.map(({ partition }) => `revoked ${partition}`));
      },
      onLost: () => {
        told.push('lost');
      },
    });
    const first = reading(world, slow, { workMs: 3_000 });
    await world.clock.sleep(20_000);
    const second = reading(world, await world.consumer(options), { workMs: 1_000 });
    await world.clock.sleep(240_000);
    expect(told.filter((line) => line.startsWith('revoked'))).toHaveLength(3);
    expect(told).not.toContain('lost');
    expect([...first.values, ...second.values].sort()).toEqual([...sent].sort());
    await slow.close();
    world.clock.stop();
  });

  it('are given nothing of what is being given up, however long that takes', async () => {
    const world = consumerWorld();
    const topic = await world.topic('withheld', PARTITIONS);
    await fill(world, topic, 60);
    const options = { groupId: 'withheld', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const leaving = new Set<number>();
    const late: string[] = [];
    const slow = await world.consumer({
      ...options,
      onRevoked: async (places) => {
        for (const { partition } of places) leaving.add(partition);
        await world.clock.sleep(7_000);
        for (const { partition } of places) leaving.delete(partition);
      },
    });
    const loop = (async () => {
      for await (const record of slow) {
        if (leaving.has(record.partition)) late.push(textOfRecord(record));
        await world.clock.sleep(100);
      }
    })();
    await world.clock.sleep(10_000);
    const other = await world.consumer(options);
    reading(world, other);
    await world.clock.sleep(30_000);
    expect([count(slow), count(other)]).toEqual([3, 3]);
    expect(late).toEqual([]);
    await Promise.all([slow.close(), other.close()]);
    await loop;
  });

  it('that fall silent are replaced within the session timeout and two heartbeats', async () => {
    const world = consumerWorld();
    const topic = await world.topic('silent', PARTITIONS);
    const options = { groupId: 'silent', topics: [topic], autoOffsetReset: 'earliest' } as const;
    let isDead = false;
    const dying = await world.consumer(options, {
      groups: (groups) => ({
        ...groups,
        heartbeat: (beat, call) => (isDead ? new Promise(() => undefined) : groups.heartbeat(beat, call)),
        commit: (request, call) => (isDead ? new Promise(() => undefined) : groups.commit(request, call)),
      }),
    });
    const living = await world.consumer(options);
    reading(world, dying);
    const alive = reading(world, living);
    await world.clock.sleep(20_000);
    expect([count(dying), count(living)]).toEqual([3, 3]);
    isDead = true;
    await world.clock.sleep(45_000 + 2 * 5_000);
    expect(count(living)).toBe(PARTITIONS);
    const sent = await fill(world, topic, 1);
    await world.clock.sleep(5_000);
    expect([...alive.values].sort()).toEqual([...sent].sort());
    await living.close();
    world.clock.stop();
  });

  it.each([1, 2, 3, 4])(
    'learn what is theirs although %s answers to heartbeats are lost',
    async (lostCount) => {
      const world = consumerWorld();
      const topic = await world.topic('unanswered', PARTITIONS);
      const options = { groupId: 'unanswered', topics: [topic], autoOffsetReset: 'earliest' } as const;
      const first = await world.consumer(options);
      reading(world, first);
      await world.clock.sleep(10_000);
      let beatCount = 0;
      const second = await world.consumer(options, {
        groups: (groups) => ({
          ...groups,
          heartbeat: async (beat, call) => {
            const answer = await groups.heartbeat(beat, call);
            beatCount += 1;
            if (beatCount > 1 && beatCount <= 1 + lostCount) throw timedOut();
            return answer;
          },
        }),
      });
      reading(world, second);
      await world.clock.sleep(40_000);
      expect([count(first), count(second)]).toEqual([3, 3]);
      await Promise.all([first.close(), second.close()]);
    },
  );

  it('that thaw after a long freeze are given nothing old, and join again', async () => {
    const world = consumerWorld();
    const topic = await world.topic('frozen', 1);
    const options = { groupId: 'frozen', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const producer = await world.producer();
    for (const value of ['a', 'b', 'c']) await producer.send({ topic, value });
    let isFrozen = false;
    const thawed = createBell();
    const lost: PartitionPlace[] = [];
    const frozen = await world.consumer(
      { ...options, pollIntervalMsMax: 600_000, onLost: (places) => void lost.push(...places) },
      {
        groups: (groups) => ({
          ...groups,
          heartbeat: async (beat) => {
            if (isFrozen) await thawed.next();
            return groups.heartbeat(beat, newCall(world.clock));
          },
        }),
      },
    );
    const iterator = frozen[Symbol.asyncIterator]();
    expect(textOfRecord((await iterator.next()).value)).toBe('a');
    await world.clock.sleep(2_000);
    isFrozen = true;
    const other = await world.consumer(options);
    const { values } = reading(world, other);
    await world.clock.sleep(120_000);
    expect(values).toEqual(['a', 'b', 'c']);
    const next = iterator.next();
    isFrozen = false;
    thawed.ring();
    await world.clock.sleep(20_000);
    expect(lost).toHaveLength(1);
    const { parts } = await world.process();
    const { members } = await parts.groups.describe('frozen', newCall(world.clock));
    expect(members.map(({ memberId }) => memberId)).toContain(frozen.memberId);
    await frozen.close();
    expect((await next).done).toBe(true);
    await other.close();
  });

  it('whose loop is stuck let others go on, and join again when it asks for more', async () => {
    const world = consumerWorld();
    const topic = await world.topic('stuck', 2);
    const options = { groupId: 'stuck', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const stuck = await world.consumer({ ...options, pollIntervalMsMax: 60_000 });
    const producer = await world.producer();
    for (const partition of [0, 1]) await producer.send({ topic, partition, value: `p${partition}` });
    const iterator = stuck[Symbol.asyncIterator]();
    await iterator.next();
    const other = await world.consumer(options);
    const read = reading(world, other);
    await world.clock.sleep(120_000);
    expect(count(other)).toBe(2);
    expect(count(stuck)).toBe(0);
    expect(read.values).toContain('p0');
    const next = iterator.next();
    await world.clock.sleep(30_000);
    expect([count(other), count(stuck)]).toEqual([1, 1]);
    await Promise.all([stuck.close(), other.close()]);
    await next;
  });

  it('with a name of their own come back to their partitions without a rebalance', async () => {
    const world = consumerWorld();
    const topic = await world.topic('static', PARTITIONS);
    const options = { groupId: 'static', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const revoked: number[] = [];
    const stays = await world.consumer({
      ...options,
      instanceId: 'b',
      onRevoked: (places) => void revoked.push(places.length),
    });
    const comesBack = await world.consumer({ ...options, instanceId: 'a' });
    reading(world, stays);
    reading(world, comesBack);
    await world.clock.sleep(30_000);
    const before = comesBack.assignment();
    revoked.length = 0;
    await comesBack.close();
    const again = await world.consumer({ ...options, instanceId: 'a' });
    reading(world, again);
    await world.clock.sleep(15_000);
    expect(again.assignment()).toEqual(before);
    expect(revoked).toEqual([]);
    await Promise.all([again.close(), stays.close()]);
  });

  it('find topics as they come, by name and by pattern', async () => {
    const world = consumerWorld();
    const consumer = await world.consumer({
      groupId: 'finding',
      topics: ['not-yet'],
      topicRegex: 'orders-.*',
      autoOffsetReset: 'earliest',
    });
    const { values } = reading(world, consumer);
    await world.clock.sleep(10_000);
    expect(count(consumer)).toBe(0);
    await world.topic('not-yet');
    await world.topic('orders-eu');
    await world.clock.sleep(120_000);
    const producer = await world.producer();
    await producer.sendBatch([
      { topic: 'not-yet', value: 'by name' },
      { topic: 'orders-eu', value: 'by pattern' },
    ]);
    await world.clock.sleep(5_000);
    expect([...values].sort()).toEqual(['by name', 'by pattern']);
    await consumer.close();
  });

  it('read a topic that was made again from its beginning, and leave nothing of it out', async () => {
    const world = consumerWorld();
    const topic = await world.topic('again');
    const producer = await world.producer();
    const consumer = await world.consumer({ groupId: 'again', topics: [topic], autoOffsetReset: 'earliest' });
    const { values } = reading(world, consumer);
    for (let at = 0; at < 5; at += 1) await producer.send({ topic, value: `old-${at}` });
    await world.clock.sleep(10_000);
    const { log } = await world.process();
    await log.deleteTopic(topic, newCall(world.clock));
    await world.topic(topic);
    // A process that has never heard of the old topic.
    const other = await world.producer();
    for (let at = 0; at < 3; at += 1) await other.send({ topic, value: `new-${at}` });
    await world.clock.sleep(180_000);
    expect(values).toEqual(['old-0', 'old-1', 'old-2', 'old-3', 'old-4', 'new-0', 'new-1', 'new-2']);
    await consumer.close();
    expect(await consumer.committed()).toMatchObject([{ topic, partition: 0, offset: 3 }]);
  });

  it('are told what the group refuses, in their loop', async () => {
    const world = consumerWorld();
    const topic = await world.topic('refusing');
    const loopOf = async (options: object): Promise<string> =>
      refusal(readSome(await world.consumer({ groupId: 'refusing', topics: [topic], ...options }), 1));
    expect(await loopOf({ groupId: '' })).toBe('INVALID_GROUP_ID');
    expect(await loopOf({ sessionTimeoutMs: 10 })).toBe('INVALID_SESSION_TIMEOUT');
    expect(await loopOf({ assignor: 'mine' })).toBe('UNSUPPORTED_ASSIGNOR');
    expect(await loopOf({ topicRegex: '(' })).toBe('INVALID_REGULAR_EXPRESSION');
  });

  it('keep a chosen start: what comes before the next member reads is not left out', async () => {
    const world = consumerWorld();
    const topic = await world.topic('latest');
    const options = { groupId: 'latest', topics: [topic], autoOffsetReset: 'latest' } as const;
    const first = await world.consumer(options);
    reading(world, first);
    await world.clock.sleep(10_000);
    await first.close();
    await (await world.producer()).send({ topic, value: 'between' });
    expect(await readAllNow(world, await world.consumer(options))).toEqual(['between']);
  });

  it('go on when storage fails for a while', async () => {
    const world = consumerWorld();
    const topic = await world.topic('failing', 2);
    let isDown = false;
    const consumer = await world.consumer(
      { groupId: 'failing', topics: [topic], autoOffsetReset: 'earliest' },
      {
        groups: (groups) => ({
          ...groups,
          heartbeat: (beat, call) => (isDown ? Promise.reject(timedOut()) : groups.heartbeat(beat, call)),
          commit: (request, call) => (isDown ? Promise.reject(timedOut()) : groups.commit(request, call)),
        }),
      },
    );
    const { values } = reading(world, consumer);
    await world.clock.sleep(10_000);
    isDown = true;
    const producer = await world.producer();
    await producer.send({ topic, value: 'meanwhile' });
    await world.clock.sleep(20_000);
    isDown = false;
    await world.clock.sleep(20_000);
    expect(values).toEqual(['meanwhile']);
    await consumer.close();
    expect(await readAllNow(world, await world.consumer({ groupId: 'failing', topics: [topic] }))).toEqual(
      [],
    );
  });
});

const timedOut = (): MillraceError => new MillraceError('REQUEST_TIMED_OUT', 'storage is silent');
