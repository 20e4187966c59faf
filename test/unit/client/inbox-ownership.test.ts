import { describe, expect, it } from 'vitest';
import type { ConsumedRecord } from '../../../lib/client/consumer/consumed-record.ts';
import { type Consumer, createConsumer } from '../../../lib/client/consumer/consumer.ts';
import { retryingTransactions } from '../../../lib/client/transactions.ts';
import { MillraceError } from '../../../lib/errors.ts';
import { newCall } from '../../support/log-on-memory.ts';
import { addOne, type Business, memoryTransactions } from '../../support/memory-transactions.ts';
import { type Around, type ConsumerWorld, consumerWorld } from './consumer-world.ts';

const PLACE = { topic: 'events', partition: 0 };

interface Scene {
  readonly world: ConsumerWorld;
  readonly business: Business;
  consumer(around?: Around): Promise<Consumer>;
}

/** A topic with the records 0, 1 and 2, and consumers of one group that count how often each is applied. */
async function newScene(): Promise<Scene> {
  const world = consumerWorld();
  await world.topic(PLACE.topic);
  const producer = await world.producer();
  for (const value of ['0', '1', '2']) await producer.send({ topic: PLACE.topic, value });
  const business: Business = new Map();
  const { storage } = world;
  const transactions = retryingTransactions(memoryTransactions({ ...storage, business }), storage);
  const options = {
    groupId: 'g',
    topics: [PLACE.topic],
    autoOffsetReset: 'earliest',
    autoCommit: false,
  } as const;
  return {
    world,
    business,
    consumer: async (around) =>
      createConsumer({ ...(await world.process(around)).parts, transactions }, options),
  };
}

async function first(consumer: Consumer): Promise<ConsumedRecord> {
  const { value } = await consumer[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error('the loop ended');
  return value as ConsumedRecord;
}

const appliedTo = ({ offset }: ConsumedRecord): ReturnType<typeof addOne>[] => [addOne('seen', `${offset}`)];

async function applyTo(consumer: Consumer, lastOffset: number): Promise<void> {
  for await (const record of consumer) {
    await consumer.inbox().store(record, appliedTo(record));
    if (record.offset === lastOffset) break;
  }
  await consumer.close();
}

/** A member whose heartbeats do not arrive while `isCutOff`. */
function cutting(state: { isCutOff: boolean }): Around {
  return {
    groups: (groups) => ({
      ...groups,
      heartbeat: async (beat, call) => {
        if (state.isCutOff) throw new MillraceError('REQUEST_TIMED_OUT', 'cut off');
        return groups.heartbeat(beat, call);
      },
    }),
  };
}

describe('what is in the hands of a slow handler', () => {
  it('is not applied again by a member that lost the partition meanwhile and has it back', async () => {
    const { world, business, consumer } = await newScene();
    const state = { isCutOff: false };
    const slow = await consumer(cutting(state));
    const record = await first(slow);
    state.isCutOff = true;
    await applyTo(await consumer(), 2);
    state.isCutOff = false;
    while (slow.position(PLACE) !== 3) await world.clock.sleep(1_000);

    expect(await slow.inbox().store(record, appliedTo(record))).toBe('moved');
    expect([...business]).toEqual(['0', '1', '2'].map((offset) => [`seen/${offset}`, 1]));
    await slow.close();
  });

  it('is not applied as a batch of which somebody else has applied a part', async () => {
    const { world, business, consumer } = await newScene();
    const state = { isCutOff: false };
    const slow = await consumer(cutting(state));
    const { value: batch } = await slow.batches()[Symbol.asyncIterator]().next();
    const records: readonly ConsumedRecord[] = batch?.records ?? [];
    const last = records.at(-1);
    expect(last?.offset).toBe(2);
    state.isCutOff = true;
    await applyTo(await consumer(), 0);
    state.isCutOff = false;
    while (slow.position(PLACE) !== 1) await world.clock.sleep(1_000);

    if (last !== undefined) {
      expect(await slow.inbox().store(last, records.flatMap(appliedTo))).toBe('moved');
    }
    expect([...business]).toEqual([['seen/0', 1]]);
    await slow.close();
  });

  it('is not applied by a member that has lost the partition for good', async () => {
    const { business, consumer } = await newScene();
    const state = { isCutOff: false };
    const slow = await consumer(cutting(state));
    const record = await first(slow);
    state.isCutOff = true;
    await applyTo(await consumer(), 2);
    expect(await slow.inbox().store(record, appliedTo(record))).toBe('moved');
    expect(business.get('seen/0')).toBe(1);
    await slow.close().catch(() => undefined);
  });

  it('is not applied once its topic has made room for another of that name', async () => {
    const { world, business, consumer } = await newScene();
    const state = { isCutOff: false };
    const slow = await consumer(cutting(state));
    const record = await first(slow);
    state.isCutOff = true;
    const { log } = await world.process();
    await log.deleteTopic(PLACE.topic, newCall(world.clock));
    await world.topic(PLACE.topic);
    // What processes remember of topics is over.
    await world.clock.sleep(61_000);
    expect(await slow.inbox().store(record, appliedTo(record))).toBe('moved');
    expect(business.size).toBe(0);
    await slow.close().catch(() => undefined);
  });

  it('is applied once if it is stored twice', async () => {
    const { business, consumer } = await newScene();
    const hasty = await consumer();
    const record = await first(hasty);
    expect(await hasty.inbox().store(record, appliedTo(record))).toBe('stored');
    await hasty.inbox().store(record, appliedTo(record));
    expect(business.get('seen/0')).toBe(1);
    await hasty.close();
  });
});
