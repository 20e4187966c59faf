import { describe, expect, it } from 'vitest';
import type { Consumer } from '../../../lib/client/consumer/consumer.ts';
import { textOfRecord } from './consumer-world.ts';
import { isRead, type MergedWorld, mergedWorld, mingle, PLACE, seeded, vectorOf } from './merged-world.ts';

interface Reading {
  readonly autoCommit: boolean;
  readonly random: (below: number) => number;
  readonly given: string[];
}

/** Until the consumer is closed, with pauses of both kinds. */
async function readFitfully(
  world: MergedWorld,
  consumer: Consumer,
  { autoCommit, random, given }: Reading,
): Promise<void> {
  for await (const record of consumer) {
    given.push(textOfRecord(record));
    if (!autoCommit) await consumer.commit([{ ...PLACE, offset: record.offset + 1 }]);
    if (random(6) === 0) await world.clock.sleep(1_000);
    if (random(20) > 0) continue;
    consumer.pause();
    consumer.resume();
  }
}

describe('a group that moves to another region', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is given there exactly what it had not read, whatever is copied meanwhile (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const world = await mergedWorld('west', 'east', ...(seed % 2 === 0 ? ['north'] : []));
      await mingle(world, random, 40);
      const there = await world.region('west').values();
      const vector = vectorOf('east', there.slice(0, random(there.length + 1)));
      const here = await world.region('east').values();
      const first = here.findIndex((value) => !isRead(vector, 'east', value));
      const position = first < 0 ? here.length : random(first + 1);
      await world.commit('east', position, vector);

      const given: string[] = [];
      for (let life = 0; life < 5; life += 1) {
        const fetchBytes = [1, 200, 700, 100_000][random(4)] ?? 1;
        const autoCommit = random(2) === 0;
        const consumer = await world.consumer('east', { autoCommit }, fetchBytes);
        const loop = readFitfully(world, consumer, { autoCommit, random, given });
        await mingle(world, random, 10);
        await world.clock.sleep(120_000);
        await consumer.close();
        await loop;
      }
      const values = await world.region('east').values();
      expect(given).toEqual(values.slice(position).filter((value) => !isRead(vector, 'east', value)));
      // Nothing is told any more that the offset says.
      const left = (await world.committed('east'))?.vector ?? new Map();
      const passed = vectorOf('east', values);
      for (const [region, next] of left) expect(passed.get(region) ?? 0).toBeLessThan(next);
    },
  );

  it.each([1, 2])(
    'is never given what it had read, and all else at least once, whoever comes, goes and dies (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const world = await mergedWorld('west', 'east');
      await mingle(world, random, 30);
      await world.produce('west', 20);
      // All of west's own, and of the east's what has been copied: much is unread between what was read.
      const vector = vectorOf('east', await world.region('west').values());
      await world.commit('east', 0, vector);
      const given: string[] = [];
      const alive: { readonly consumer: Consumer; readonly die: () => void }[] = [];
      const loopOf = async (consumer: Consumer, isOver: () => boolean): Promise<void> => {
        for await (const record of consumer) {
          given.push(textOfRecord(record));
          await world.clock.sleep(random(10) * 1_000);
          if (isOver()) return;
        }
      };
      for (let turn = 0; turn < 12; turn += 1) {
        const one = await world.mortal('east', { autoCommitIntervalMs: 1_000 + random(5_000) });
        let isDead = false;
        const die = (): void => {
          isDead = true;
          one.die();
        };
        void loopOf(one.consumer, () => isDead);
        alive.push({ consumer: one.consumer, die });
        await world.clock.sleep(random(30) * 1_000);
        await world.produce('east', 2);
        await world.copy('west', 'east', 200);
        const [oldest] = alive.length > 1 + random(2) ? alive.splice(0, 1) : [];
        if (oldest === undefined) continue;
        if (random(2) === 0) oldest.die();
        else await oldest.consumer.close();
      }
      await world.clock.sleep(600_000);
      await Promise.all(alive.map(({ consumer }) => consumer.close()));
      const values = await world.region('east').values();
      const unread = values.filter((value) => !isRead(vector, 'east', value));
      expect(given.filter((value) => isRead(vector, 'east', value))).toEqual([]);
      expect([...new Set(given)].toSorted()).toEqual(unread.toSorted());
    },
  );
});
