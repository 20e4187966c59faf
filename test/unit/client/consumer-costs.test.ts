import { describe, expect, it } from 'vitest';
import { createConsumer } from '../../../lib/client/consumer/consumer.ts';
import { newCall } from '../../support/log-on-memory.ts';
import { consumerWorld } from './consumer-world.ts';

const MINUTES = 2;
const PARTITIONS = 3;

describe('a consumer that polls steadily', () => {
  it('writes at most once for each commit and partition, besides its own liveness', async () => {
    const world = consumerWorld();
    const topic = await world.topic('steady', PARTITIONS);
    const producer = await world.producer();
    const { parts } = await world.process();
    const consumer = createConsumer(parts, {
      groupId: 'steady',
      topics: [topic],
      autoOffsetReset: 'earliest',
    });
    let givenCount = 0;
    const loop = (async () => {
      for await (const _ of consumer) givenCount += 1;
    })();
    await world.clock.sleep(30_000);
    const before = parts.meter.usage;
    const rounds = MINUTES * 60;
    for (let round = 0; round < rounds; round += 1) {
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        await producer.send({ topic, partition, value: `v${round}` });
      }
      await world.clock.sleep(1_000);
    }
    const after = parts.meter.usage;
    const writes = after.tableWrites - before.tableWrites;
    const commits = (MINUTES * 60 * PARTITIONS) / 5;
    const liveness = (MINUTES * 60) / 15;
    expect(givenCount).toBe(rounds * PARTITIONS);
    expect(writes).toBeLessThanOrEqual(commits + liveness + PARTITIONS);
    expect(after.writeUnits - before.writeUnits).toBe(writes);
    expect(after.lostWrites - before.lostWrites).toBe(0);
    await consumer.close();
    await loop;
  });

  it('writes nothing but its own liveness while nothing is sent', async () => {
    const world = consumerWorld();
    const topic = await world.topic('quiet', PARTITIONS);
    const { parts, log } = await world.process();
    await log.listTopics(newCall(world.clock));
    const consumer = createConsumer(parts, {
      groupId: 'quiet',
      topics: [topic],
      autoOffsetReset: 'earliest',
    });
    const next = consumer[Symbol.asyncIterator]().next();
    await world.clock.sleep(30_000);
    const before = parts.meter.usage;
    await world.clock.sleep(MINUTES * 60_000);
    const after = parts.meter.usage;
    expect(after.tableWrites - before.tableWrites).toBeLessThanOrEqual((MINUTES * 60) / 15 + 1);
    // A look every half second at every partition, and a heartbeat every five.
    const looks = MINUTES * 60 * (2 * PARTITIONS + 1 / 5);
    expect(after.tableReads - before.tableReads).toBeLessThanOrEqual(looks * 1.15);
    await consumer.close();
    await next;
  });
});
