import { describe, expect, it } from 'vitest';
import { createConsumer } from '../../../lib/client/consumer/consumer.ts';
import { newCall, refusal } from '../../support/log-on-memory.ts';
import { consumerWorld, readAllNow, readSome, textOfRecord } from './consumer-world.ts';

describe('a consumer with partitions of its own', () => {
  it('gives records in order, with all they were sent with', async () => {
    const world = consumerWorld();
    const topic = await world.topic('own');
    const producer = await world.producer();
    await producer.send({
      topic,
      key: 'k',
      value: 'one',
      headers: { trace: 'abc', empty: null },
      timestampMs: 1_700_000_000_000,
    });
    await producer.send({ topic, value: null });
    const consumer = await world.consumer({ autoOffsetReset: 'earliest' });
    await consumer.assign([{ topic, partition: 0 }]);
    const iterator = consumer[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toEqual({
      topic,
      partition: 0,
      offset: 0,
      timestampMs: 1_700_000_000_000,
      key: Buffer.from('k'),
      value: Buffer.from('one'),
      headers: [
        { key: 'trace', value: Buffer.from('abc') },
        { key: 'empty', value: null },
      ],
      leaderEpoch: 0,
    });
    expect((await iterator.next()).value).toMatchObject({ offset: 1, key: null, value: null });
    expect(consumer.position({ topic, partition: 0 })).toBe(2);
    await consumer.close();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('waits for what is not there yet', async () => {
    const world = consumerWorld();
    const topic = await world.topic('later');
    const consumer = await world.consumer({ autoOffsetReset: 'latest' });
    await consumer.assign([{ topic, partition: 0 }]);
    const read = readSome(consumer, 2);
    const producer = await world.producer();
    await world.clock.sleep(60_000);
    await producer.sendBatch([
      { topic, value: 'a' },
      { topic, value: 'b' },
    ]);
    expect(await read).toEqual(['a', 'b']);
    await consumer.close();
  });

  it('goes where it is told, by offset and by time', async () => {
    const world = consumerWorld();
    const topic = await world.topic('seeking');
    const producer = await world.producer();
    for (let at = 0; at < 10; at += 1)
      await producer.send({ topic, value: `v${at}`, timestampMs: 1_700_000_000_000 + at });
    const consumer = await world.consumer({ autoOffsetReset: 'earliest' });
    const place = { topic, partition: 0 };
    await consumer.assign([place]);
    expect(await readSome(consumer, 3)).toEqual(['v0', 'v1', 'v2']);
    await consumer.seek({ ...place, to: 8 });
    expect(await readSome(consumer, 1)).toEqual(['v8']);
    await consumer.seek({ ...place, to: { timestampMs: 1_700_000_000_005 } });
    expect(await readSome(consumer, 2)).toEqual(['v5', 'v6']);
    await consumer.seek({ ...place, to: 'earliest' });
    expect(await readSome(consumer, 1)).toEqual(['v0']);
    expect(await refusal(consumer.seek({ ...place, to: -1 }))).toBe('OFFSET_OUT_OF_RANGE');
    expect(await refusal(consumer.seek({ topic, partition: 4, to: 0 }))).toBe('INVALID_REQUEST');
    await consumer.close();
  });

  it('gives nothing of a paused partition, and nothing is left out afterwards', async () => {
    const world = consumerWorld();
    const topic = await world.topic('pausing', 2);
    const producer = await world.producer();
    const sendTo = (partition: number, value: string): Promise<unknown> =>
      producer.send({ topic, partition, value });
    for (let at = 0; at < 5; at += 1) await Promise.all([sendTo(0, `a${at}`), sendTo(1, `b${at}`)]);
    const consumer = await world.consumer({ groupId: 'pausing', autoOffsetReset: 'earliest' });
    await consumer.assign([
      { topic, partition: 0 },
      { topic, partition: 1 },
    ]);
    const before = await readSome(consumer, 2);
    await consumer.commit();
    consumer.pause([{ topic, partition: 0 }]);
    expect(consumer.paused()).toEqual([{ topic, partition: 0 }]);
    const beforeA = before.filter((value) => value.startsWith('a')).length;
    const during = await readSome(consumer, 5 - (2 - beforeA));
    expect(during.every((value) => value.startsWith('b'))).toBe(true);
    await consumer.commit();
    consumer.resume();
    const after = await readSome(consumer, 5 - beforeA);
    expect([...before, ...after].filter((value) => value.startsWith('a'))).toEqual([
      'a0',
      'a1',
      'a2',
      'a3',
      'a4',
    ]);
    await consumer.close();
  });

  it('gives what a loop was left in the middle of to the next loop, unless it was committed', async () => {
    const world = consumerWorld();
    const topic = await world.topic('left', 1);
    const producer = await world.producer();
    await producer.sendBatch(Array.from({ length: 9 }, (_, at) => ({ topic, value: `v${at}` })));
    const options = { groupId: 'left', autoOffsetReset: 'earliest', topics: [topic] } as const;
    const consumer = await world.consumer(options);
    expect(await readSome(consumer, 3)).toEqual(['v0', 'v1', 'v2']);
    const failing = async (): Promise<void> => {
      for await (const record of consumer) throw new Error(textOfRecord(record));
    };
    await expect(failing()).rejects.toThrow('v2');
    await expect(failing()).rejects.toThrow('v2');
    await consumer.commit();
    await expect(failing()).rejects.toThrow('v3');
    for await (const { records } of consumer.batches({ recordsMax: 4 })) {
      expect(records.map(textOfRecord)).toEqual(['v3', 'v4', 'v5', 'v6']);
      await consumer.commit([{ topic, partition: 0, offset: 5 }]);
      break;
    }
    expect(await readSome(consumer, 2)).toEqual(['v5', 'v6']);
    await consumer.close();
    expect(await readAllNow(world, await world.consumer(options))).toEqual(['v6', 'v7', 'v8']);
  });

  it('gives several at a time', async () => {
    const world = consumerWorld();
    const topic = await world.topic('batches');
    const producer = await world.producer();
    await producer.sendBatch(Array.from({ length: 25 }, (_, at) => ({ topic, value: `v${at}` })));
    const consumer = await world.consumer({
      groupId: 'batches',
      autoOffsetReset: 'earliest',
      topics: [topic],
    });
    const sizes: number[] = [];
    for await (const { records, highWatermark } of consumer.batches({ recordsMax: 10 })) {
      sizes.push(records.length);
      expect(highWatermark).toBe(25);
      if (sizes.length === 3) {
        await consumer.commit();
        break;
      }
    }
    expect(sizes).toEqual([10, 10, 5]);
    expect(await consumer.committed()).toMatchObject([{ topic, partition: 0, offset: 25 }]);
    await consumer.close();
  });

  it('reads on where retention has taken what it stood at, or says so', async () => {
    const world = consumerWorld();
    const topic = await world.topic('trimmed');
    const producer = await world.producer();
    for (let at = 0; at < 6; at += 1) await producer.send({ topic, value: `v${at}` });
    const { log } = await world.process();
    await log.deleteRecords({ topic, partition: 0, offset: 4 }, newCall(world.clock));
    const lenient = await world.consumer({ autoOffsetReset: 'earliest' });
    await lenient.assign([{ topic, partition: 0 }]);
    await lenient.seek({ topic, partition: 0, to: 1 });
    expect(await readSome(lenient, 2)).toEqual(['v4', 'v5']);
    const strict = await world.consumer({ autoOffsetReset: 'none', groupId: 'strict', autoCommit: false });
    expect(await refusal(strict.assign([{ topic, partition: 0 }]))).toBe('OFFSET_OUT_OF_RANGE');
    await lenient.close();
    await strict.close();
  });

  it('ends its loop with an error that needs somebody, and goes on in the next loop', async () => {
    const world = consumerWorld();
    const topic = await world.topic('gone');
    const consumer = await world.consumer({ autoOffsetReset: 'earliest' });
    await consumer.assign([{ topic, partition: 0 }]);
    const { log } = await world.process();
    await log.deleteTopic(topic, newCall(world.clock));
    await expect(readSome(consumer, 1)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    await world.topic(topic);
    await (await world.producer()).send({ topic, value: 'again' });
    expect(await readSome(consumer, 1)).toEqual(['again']);
    await consumer.close();
  });

  it('leaves nothing out when a loop is left while it waits', async () => {
    const world = consumerWorld();
    const topic = await world.topic('left');
    const consumer = await world.consumer({ autoOffsetReset: 'earliest' });
    await consumer.assign([{ topic, partition: 0 }]);
    const iterator = consumer[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await world.clock.sleep(1_000);
    await iterator.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const producer = await world.producer();
    await producer.sendBatch([
      { topic, value: 'a' },
      { topic, value: 'b' },
    ]);
    expect(await readSome(consumer, 2)).toEqual(['a', 'b']);
    await consumer.close();
  });

  it('can be told to read something else in the middle of its loop', async () => {
    const world = consumerWorld();
    const topic = await world.topic('switching', 2);
    const producer = await world.producer();
    for (const partition of [0, 1]) {
      await producer.sendBatch(
        ['a', 'b'].map((value) => ({ topic, partition, value: `${value}${partition}` })),
      );
    }
    const consumer = await world.consumer({ autoOffsetReset: 'earliest' });
    await consumer.assign([{ topic, partition: 0 }]);
    const read: string[] = [];
    for await (const record of consumer) {
      read.push(textOfRecord(record));
      if (read.length === 1) await consumer.assign([{ topic, partition: 1 }]);
      if (read.length === 3) break;
    }
    expect(read).toEqual(['a0', 'a1', 'b1']);
    expect(consumer.assignment()).toEqual([{ topic, partition: 1 }]);
    await consumer.close();
  });

  it('is closed even if something goes wrong on the way, and tells', async () => {
    const world = consumerWorld();
    const topic = await world.topic('badly');
    const consumer = await world.consumer({
      groupId: 'badly',
      topics: [topic],
      autoOffsetReset: 'earliest',
      onRevoked: () => {
        throw new Error('not now');
      },
    });
    await (await world.producer()).send({ topic, value: 'a' });
    await readSome(consumer, 1);
    await expect(consumer.close()).rejects.toThrow('not now');
    expect(consumer.assignment()).toEqual([]);
    const { parts } = await world.process();
    expect((await parts.groups.describe('badly', newCall(world.clock))).members).toEqual([]);
  });

  it('has one loop at a time, and none once it is closed', async () => {
    const world = consumerWorld();
    const consumer = await world.consumer({ autoOffsetReset: 'earliest' });
    const waiting = consumer[Symbol.asyncIterator]().next();
    expect(await refusal(readSome(consumer, 1))).toBe('INVALID_REQUEST');
    await consumer.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await refusal(readSome(consumer, 1))).toBe('INVALID_REQUEST');
  });

  it('says which options make no sense', async () => {
    const { parts } = await consumerWorld().process();
    expect(() => createConsumer(parts, { topics: ['a'] })).toThrow('groupId');
    expect(() => createConsumer(parts, { autoCommit: true })).toThrow('groupId');
    expect(() => createConsumer(parts, { fetchBytesMax: 0 })).toThrow('fetchBytesMax');
  });
});

describe('what a consumer commits', () => {
  it('is what its loop is done with: a record counts when the next one is asked for', async () => {
    const world = consumerWorld();
    const topic = await world.topic('counting');
    const producer = await world.producer();
    for (const value of ['a', 'b', 'c']) await producer.send({ topic, value });
    const options = { groupId: 'counting', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const first = await world.consumer(options);
    expect(await readSome(first, 2)).toEqual(['a', 'b']);
    await first.close();
    const second = await world.consumer(options);
    expect(await readSome(second, 1)).toEqual(['b']);
    await second.commit();
    await second.close();
    const third = await world.consumer(options);
    expect(await readAllNow(world, third)).toEqual(['c']);
    const fourth = await world.consumer(options);
    expect(await readAllNow(world, fourth)).toEqual([]);
  });

  it('is committed while the loop goes on, every autoCommitIntervalMs', async () => {
    const world = consumerWorld();
    const topic = await world.topic('ticking');
    const producer = await world.producer();
    const consumer = await world.consumer({
      groupId: 'ticking',
      topics: [topic],
      autoOffsetReset: 'earliest',
    });
    await producer.sendBatch([
      { topic, value: 'a' },
      { topic, value: 'b' },
    ]);
    const reading = readSome(consumer, 3);
    await world.clock.sleep(20_000);
    expect(await consumer.committed()).toMatchObject([{ topic, partition: 0, offset: 2 }]);
    await producer.send({ topic, value: 'c' });
    expect(await reading).toEqual(['a', 'b', 'c']);
    await consumer.close();
  });

  it('without autoCommit is what it is told', async () => {
    const world = consumerWorld();
    const topic = await world.topic('told');
    const producer = await world.producer();
    for (const value of ['a', 'b', 'c']) await producer.send({ topic, value });
    const options = {
      groupId: 'told',
      topics: [topic],
      autoOffsetReset: 'earliest',
      autoCommit: false,
    } as const;
    const first = await world.consumer(options);
    expect(await readSome(first, 3)).toEqual(['a', 'b', 'c']);
    await first.commit([{ topic, partition: 0, offset: 1, metadata: 'by hand' }]);
    expect(await refusal(first.commit([{ topic, partition: 0, offset: 99 }]))).toBe('OFFSET_OUT_OF_RANGE');
    expect(await first.committed([{ topic, partition: 0 }])).toMatchObject([
      { offset: 1, metadata: 'by hand' },
    ]);
    await first.close();
    const second = await world.consumer(options);
    expect(await readSome(second, 1)).toEqual(['b']);
    await second.close();
  });

  it('outside a group of members is committed all the same, if it has a groupId', async () => {
    const world = consumerWorld();
    const topic = await world.topic('simple');
    const producer = await world.producer();
    for (const value of ['a', 'b']) await producer.send({ topic, value });
    const first = await world.consumer({ groupId: 'simple', autoOffsetReset: 'earliest' });
    await first.assign([{ topic, partition: 0 }]);
    expect(await readSome(first, 1)).toEqual(['a']);
    await first.commit();
    await first.close();
    const second = await world.consumer({ groupId: 'simple', autoOffsetReset: 'earliest' });
    await second.assign([{ topic, partition: 0 }]);
    expect(await readSome(second, 1)).toEqual(['b']);
    await second.close();
  });

  it('is committed when the signal ends the loop, the record in its hands included', async () => {
    const world = consumerWorld();
    const topic = await world.topic('signalled');
    const producer = await world.producer();
    for (const value of ['a', 'b', 'c']) await producer.send({ topic, value });
    const options = { groupId: 'signalled', topics: [topic], autoOffsetReset: 'earliest' } as const;
    const over = new AbortController();
    const first = await world.consumer({ ...options, signal: over.signal });
    const read: string[] = [];
    for await (const record of first) {
      read.push(textOfRecord(record));
      if (read.length === 2) over.abort();
    }
    expect(read).toEqual(['a', 'b']);
    const second = await world.consumer(options);
    expect(await readAllNow(world, second)).toEqual(['c']);
  });
});
