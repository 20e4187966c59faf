import { describe, expect, it } from 'vitest';
import { createConsumer } from '../../../lib/client/consumer/consumer.ts';
import { consumerSettings } from '../../../lib/client/consumer/consumer-options.ts';
import { openMillrace } from '../../../lib/client/open-millrace.ts';
import { createProducer } from '../../../lib/client/producer/producer.ts';
import { MillraceError } from '../../../lib/errors.ts';
import { memoryStorage, newCall, refusal } from '../../support/log-on-memory.ts';
import { openTestClient, readAll } from './support.ts';

/** What a caller without types, or with laxer ones, may send. */
const asAny = (value: unknown): never => value as never;

const thrown = (work: () => unknown): string => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof MillraceError ? error.code : `${error}`;
  }
};

describe('an option', () => {
  it('that is given as undefined is left out', async () => {
    const undefinedOnes = {
      groupId: 'g',
      autoCommit: undefined,
      autoOffsetReset: undefined,
      fetchWaitMs: undefined,
    };
    expect(consumerSettings(asAny(undefinedOnes))).toMatchObject({
      autoCommit: true,
      autoOffsetReset: 'latest',
      fetchWaitMs: 25_000,
    });
    const { parts } = await openTestClient();
    expect(thrown(() => createProducer(parts, asAny({ compression: undefined, lingerMs: undefined })))).toBe(
      'none',
    );
  });

  it('of a kind that there is not is refused, not taken for another', async () => {
    const { parts } = await openTestClient();
    expect(thrown(() => consumerSettings(asAny({ groupId: 'g', autoOffsetReset: 'earlist' })))).toBe(
      'INVALID_CONFIG',
    );
    expect(thrown(() => createProducer(parts, asAny({ compression: 'brotli' })))).toBe('INVALID_CONFIG');
    for (const options of [undefined, null, 'data', {}]) {
      expect(await refusal(openMillrace(asAny(options)))).toBe('INVALID_CONFIG');
    }
  });
});

describe('a producer', () => {
  it('says what is wrong with what is no record, and sends those beside it', async () => {
    const storage = memoryStorage();
    const client = await openTestClient(storage);
    await client.log.createTopic({ name: 'orders' }, newCall(storage.clock));
    const producer = createProducer(client.parts);
    const topic = 'orders';
    const sent = [
      { topic, value: 'first' },
      undefined,
      null,
      { value: 'a' },
      { topic: 5, value: 'a' },
      { topic, value: 'a', headers: [{ key: 1, value: 'b' }] },
      { topic, value: 'a', headers: [null] },
      { topic, value: 'a', headers: { '\ud800': 'b' } },
      { topic, value: 'a', partition: '0' },
      { topic, value: 'a', partition: null },
      { topic, value: 'last', headers: null },
    ].map((record) => refusal(producer.send(asAny(record))));
    expect(await Promise.all(sent)).toEqual([
      'none',
      ...Array(4).fill('INVALID_TOPIC_EXCEPTION'),
      ...Array(3).fill('INVALID_RECORD'),
      'INVALID_REQUEST',
      'INVALID_REQUEST',
      'none',
    ]);
    expect(await readAll(client.log, storage, topic)).toEqual(['0:first', '1:last']);
  });
});

describe('a consumer', () => {
  it('is not sent anywhere by a target that it does not understand', async () => {
    const storage = memoryStorage();
    const client = await openTestClient(storage);
    await client.log.createTopic({ name: 'orders' }, newCall(storage.clock));
    const consumer = createConsumer(client.parts, { autoOffsetReset: 'earliest' });
    const place = { topic: 'orders', partition: 0 };
    await consumer.assign([place]);
    for (const to of ['erliest', undefined, null, {}, { timestampMs: Number.NaN }, { timestampMs: '5' }]) {
      expect(await refusal(consumer.seek({ ...place, to: asAny(to) }))).toBe('INVALID_REQUEST');
    }
    expect(consumer.position(place)).toBe(0);
    await consumer.close();
  });
});
