import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProducer } from '../../../lib/client/producer/producer.ts';
import { SendError } from '../../../lib/client/producer/send-error.ts';
import type { ProduceRequest } from '../../../lib/log.ts';
import { batchesIn, readBatchHeader } from '../../../lib/record/index.ts';
import { partitionForKey } from '../../../lib/topic/partitioner.ts';
import { memoryStorage, newCall, refusal } from '../../support/log-on-memory.ts';
import {
  type Accident,
  accidentProne,
  briskClock,
  openTestClient,
  readAll,
  type TestClient,
} from './support.ts';

const storage = memoryStorage();

async function topicOf(
  client: TestClient,
  name: string,
  options: { readonly partitionCount?: number; readonly configs?: Record<string, string> } = {},
): Promise<string> {
  await client.log.createTopic({ name, ...options }, newCall(storage.clock));
  return name;
}

describe('a producer', () => {
  it('answers with the place of every record, and the log has what was sent', async () => {
    const client = await openTestClient(storage);
    const topic = await topicOf(client, 'places');
    const producer = createProducer(client.parts);
    const first = await producer.send({ topic, key: 'a', value: 'one', timestampMs: 1_700_000_000_000 });
    const others = await producer.sendBatch([
      { topic, value: new Uint8Array([116, 119, 111]) },
      { topic, value: null, headers: { kind: 'tombstone' } },
    ]);
    expect(first).toEqual({
      topic,
      partition: 0,
      offset: 0,
      timestampMs: 1_700_000_000_000,
      duplicate: false,
    });
    expect(others.map(({ offset }) => offset)).toEqual([1, 2]);
    expect(await readAll(client.log, storage, topic)).toEqual(['0:one', '1:two', '2:∅']);
    await producer.close();
  });

  it('puts what is sent in one turn into one request, in order', async () => {
    let requestCount = 0;
    const client = await openTestClient(storage, {
      log: (log) =>
        accidentProne(log, () => {
          requestCount += 1;
          return 'none';
        }),
    });
    const topic = await topicOf(client, 'together');
    const producer = createProducer(client.parts);
    await producer.send({ topic, value: 'first' });
    requestCount = 0;
    const sent = await Promise.all(
      Array.from({ length: 500 }, (_, index) => producer.send({ topic, value: `v${index}` })),
    );
    expect(sent.map(({ offset }) => offset)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    expect(requestCount).toBe(1);
  });

  it('keeps the records of a key together where the Java client puts them', async () => {
    const client = await openTestClient(storage);
    const topic = await topicOf(client, 'keyed', { partitionCount: 100 });
    const producer = createProducer(client.parts);
    const partitionOf = async (key: string): Promise<number> =>
      (await producer.send({ topic, key, value: '' })).partition;
    const keys = ['0', '1', 'some-longer-key'];
    const partitions = await Promise.all(keys.map(partitionOf));
    expect(partitions).toEqual(keys.map((key) => partitionForKey(Buffer.from(key), 100)));
    const chosen = createProducer(client.parts, { partitioner: (_, partitionCount) => partitionCount - 1 });
    expect((await chosen.send({ topic, key: '0', value: '' })).partition).toBe(99);
    expect((await chosen.send({ topic, key: '0', value: '', partition: 7 })).partition).toBe(7);
  });

  it('numbers its batches so that storage can tell a retry', async () => {
    const seen: ProduceRequest[] = [];
    const client = await openTestClient(storage, {
      log: (log) =>
        accidentProne(log, (request) => {
          seen.push({ ...request, batches: request.batches.slice() });
          return 'none';
        }),
    });
    const topic = await topicOf(client, 'numbered');
    const producer = createProducer(client.parts);
    await producer.sendBatch([
      { topic, value: 'a' },
      { topic, value: 'b' },
    ]);
    await producer.send({ topic, value: 'c' });
    const headers = seen.flatMap(({ batches }) =>
      [...batchesIn(batches)].map(({ bytes }) => readBatchHeader(bytes)),
    );
    expect(headers.map(({ baseSequence }) => baseSequence)).toEqual([0, 2]);
    expect(new Set(headers.map(({ producerId }) => producerId)).size).toBe(1);
    expect(headers[0]?.producerId).toBeGreaterThanOrEqual(0);
    expect(headers.map(({ producerEpoch }) => producerEpoch)).toEqual([0, 0]);
  });

  it('compresses, unless the topic names a codec', async () => {
    const client = await openTestClient(storage);
    const plain = await topicOf(client, 'codec-free');
    const zipped = await topicOf(client, 'codec-gzip', { configs: { 'compression.type': 'gzip' } });
    const producer = createProducer(client.parts, { compression: 'zstd' });
    const codecOf = async (topic: string): Promise<string> => {
      await producer.send({ topic, value: 'x'.repeat(1_000) });
      const { batches } = await client.log.fetch({ topic, partition: 0, offset: 0 }, newCall(storage.clock));
      return readBatchHeader(batches[0] ?? new Uint8Array()).compression;
    };
    expect([await codecOf(plain), await codecOf(zipped)]).toEqual(['zstd', 'gzip']);
  });

  it('splits what is larger than a batch, and waits for room instead of growing', async () => {
    const client = await openTestClient(storage);
    const topic = await topicOf(client, 'large', { configs: { 'max.message.bytes': '2000' } });
    const producer = createProducer(client.parts, { bufferBytesMax: 5_000 });
    const values = Array.from({ length: 60 }, (_, index) => `${index}:${'y'.repeat(700)}`);
    const sent = await producer.sendBatch(values.map((value) => ({ topic, value })));
    expect(sent.map(({ offset }) => offset)).toEqual(values.map((_, index) => index));
    expect(await readAll(client.log, storage, topic)).toEqual(
      values.map((value, index) => `${index}:${value}`),
    );
  });

  it('refuses what cannot be stored, and stores the rest', async () => {
    const client = await openTestClient(storage);
    const topic = await topicOf(client, 'refused', { configs: { 'max.message.bytes': '2000' } });
    const producer = createProducer(client.parts);
    const failure = await producer
      .sendBatch([
        { topic, value: 'good' },
        { topic, value: 'z'.repeat(3_000) },
        { topic: 'nowhere', value: 'lost' },
        { topic, value: { not: 'text' } as never },
        { topic, value: '\ud800' },
        { topic, value: 'late', timestampMs: Number.NaN },
        { topic, value: 'far', partition: 9 },
        { topic, value: 'good too' },
      ])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SendError);
    const { outcomes } = failure as SendError;
    const codes = outcomes.map((outcome) =>
      'error' in outcome ? (outcome.error as { code: string }).code : outcome.metadata.offset,
    );
    expect(codes).toEqual([
      0,
      'MESSAGE_TOO_LARGE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_RECORD',
      'INVALID_RECORD',
      'INVALID_TIMESTAMP',
      'UNKNOWN_TOPIC_OR_PARTITION',
      1,
    ]);
    expect((failure as SendError).code).toBe('MESSAGE_TOO_LARGE');
    expect(await readAll(client.log, storage, topic)).toEqual(['0:good', '1:good too']);
  });

  it('finishes what was sent when it is closed, and takes no more', async () => {
    const client = await openTestClient(storage);
    const topic = await topicOf(client, 'closing');
    const producer = createProducer(client.parts, { lingerMs: 60_000 });
    const sent = Promise.all([producer.send({ topic, value: 'a' }), producer.send({ topic, value: 'b' })]);
    await producer.close();
    expect((await sent).map(({ offset }) => offset)).toEqual([0, 1]);
    expect(await refusal(producer.send({ topic, value: 'c' }))).toBe('INVALID_REQUEST');
  });

  it('leaves out a record whose caller has given up before it left', async () => {
    const client = await openTestClient(storage);
    const topic = await topicOf(client, 'given-up');
    const producer = createProducer(client.parts, { lingerMs: 60_000 });
    const over = new AbortController();
    const kept = producer.send({ topic, value: 'kept' });
    const dropped = producer.send({ topic, value: 'dropped' }, { signal: over.signal });
    await client.log.resolveTopic(topic, newCall(storage.clock));
    over.abort(new Error('enough'));
    await expect(dropped).rejects.toThrow('enough');
    await producer.flush();
    await kept;
    expect(await readAll(client.log, storage, topic)).toEqual(['0:kept']);
  });

  it('says which options make no sense', async () => {
    const client = await openTestClient(storage);
    expect(() => createProducer(client.parts, { inFlightMax: 6 })).toThrow('last five batches');
    expect(() => createProducer(client.parts, { deliveryTimeoutMs: 1_000 })).toThrow('deliveryTimeoutMs');
  });
});

describe('a producer whose requests fail', () => {
  it('stores every record once and in order, whichever requests or answers are lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom<Accident>('none', 'throttled', 'lost-request', 'lost-answer', 'none'), {
          maxLength: 12,
        }),
        fc.uuid(),
        async (accidents, name) => {
          const pending = [...accidents];
          const around = memoryStorage(briskClock());
          const client = await openTestClient(around, {
            log: (log) => accidentProne(log, () => pending.shift() ?? 'none'),
          });
          await client.log.createTopic({ name }, newCall(around.clock));
          const producer = createProducer(client.parts, { batchBytesMax: 250 });
          const values = Array.from({ length: 30 }, (_, index) => `value-${index}`);
          const sent = await producer.sendBatch(values.map((value) => ({ topic: name, value })));
          expect(await readAll(client.log, around, name)).toEqual(
            values.map((value, index) => `${index}:${value}`),
          );
          expect(sent.map(({ offset }) => offset)).toEqual(values.map((_, index) => index));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('without idempotence does not repeat what may have been stored', async () => {
    const pending: Accident[] = ['throttled', 'lost-answer'];
    const around = memoryStorage(briskClock());
    const client = await openTestClient(around, {
      log: (log) => accidentProne(log, () => pending.shift() ?? 'none'),
    });
    await client.log.createTopic({ name: 'plain' }, newCall(around.clock));
    const producer = createProducer(client.parts, { idempotent: false });
    expect(await refusal(producer.send({ topic: 'plain', value: 'once' }))).toBe('REQUEST_TIMED_OUT');
    await producer.send({ topic: 'plain', value: 'next' });
    expect(await readAll(client.log, around, 'plain')).toEqual(['0:once', '1:next']);
  });

  it('gives a record up when its time is over, and goes on with the next in a new epoch', async () => {
    const around = memoryStorage(briskClock());
    let isDown = false;
    const client = await openTestClient(around, {
      log: (log) => accidentProne(log, () => (isDown ? 'lost-request' : 'none')),
    });
    await client.log.createTopic({ name: 'down' }, newCall(around.clock));
    const producer = createProducer(client.parts, { requestTimeoutMs: 1_000, deliveryTimeoutMs: 5_000 });
    await producer.send({ topic: 'down', value: 'before' });
    isDown = true;
    expect(await refusal(producer.send({ topic: 'down', value: 'lost' }))).toBe('REQUEST_TIMED_OUT');
    isDown = false;
    await producer.send({ topic: 'down', value: 'after' });
    expect(await readAll(client.log, around, 'down')).toEqual(['0:before', '1:after']);
    const { batches } = await client.log.fetch(
      { topic: 'down', partition: 0, offset: 1 },
      newCall(around.clock),
    );
    expect(readBatchHeader(batches[0] ?? new Uint8Array())).toMatchObject({
      producerEpoch: 1,
      baseSequence: 0,
    });
  });
});
