import { describe, expect, it } from 'vitest';
import { createProducer } from '../../../lib/client/producer/producer.ts';
import { createSequences, once } from '../../../lib/client/producer/sequences.ts';
import { MillraceError } from '../../../lib/errors.ts';
import { batchesIn, readBatchHeader } from '../../../lib/record/index.ts';
import { memoryStorage, newCall, refusal } from '../../support/log-on-memory.ts';
import { briskClock, openTestClient, readAll, throughLog } from './support.ts';

describe('the sequences of a lane', () => {
  it('follow one another and begin again at 0 after the largest int32', async () => {
    const sequences = createSequences({ shared: async () => 7, allocate: async () => 8 });
    expect(await sequences.take(3)).toEqual({ producerId: 7, producerEpoch: 0, baseSequence: 0 });
    expect(await sequences.take(2 ** 31 - 4)).toMatchObject({ baseSequence: 3 });
    expect(await sequences.take(2)).toMatchObject({ baseSequence: 2 ** 31 - 1 });
    expect(await sequences.take(1)).toMatchObject({ baseSequence: 1 });
  });

  it('begin at 0 in a new epoch, and with a producer of their own after the last epoch', async () => {
    const sequences = createSequences({ shared: async () => 7, allocate: async () => 8 });
    const old = await sequences.take(5);
    sequences.bump();
    const next = await sequences.take(1);
    expect(next).toEqual({ producerId: 7, producerEpoch: 1, baseSequence: 0 });
    expect([old, next].map(sequences.isCurrent)).toEqual([false, true]);
    for (let epoch = 1; epoch <= 32_767; epoch += 1) sequences.bump();
    expect(await sequences.take(1)).toEqual({ producerId: 8, producerEpoch: 0, baseSequence: 0 });
  });

  it('ask for an id once, and again only if that failed', async () => {
    let askedCount = 0;
    const ask = once(async () => {
      askedCount += 1;
      if (askedCount === 1) throw new Error('no answer');
      return askedCount;
    });
    await expect(ask()).rejects.toThrow('no answer');
    expect(await Promise.all([ask(), ask()])).toEqual([2, 2]);
  });
});

describe('a producer whose state others have changed', () => {
  it.each([
    ['fenced', 'INVALID_PRODUCER_EPOCH'],
    ['out of order', 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  ] as const)('that is %s sends what is surely not stored again under a new identity', async (_, code) => {
    const storage = memoryStorage(briskClock());
    const identities: string[] = [];
    let refusals = 0;
    const client = await openTestClient(storage, {
      log: (log) =>
        throughLog(log, {
          produce: async (request, call) => {
            const [{ bytes } = { bytes: request.batches }] = batchesIn(request.batches);
            const { producerId, producerEpoch, baseSequence } = readBatchHeader(bytes);
            identities.push(`${producerId}/${producerEpoch}/${baseSequence}`);
            if (identities.length > 1 && refusals++ === 0) throw new MillraceError(code, 'not so');
            return log.produce(request, call);
          },
        }),
    });
    await client.log.createTopic({ name: 'changed' }, newCall(storage.clock));
    const producer = createProducer(client.parts);
    await producer.send({ topic: 'changed', value: 'a' });
    await producer.send({ topic: 'changed', value: 'b' });
    expect(await readAll(client.log, storage, 'changed')).toEqual(['0:a', '1:b']);
    const [first = ''] = identities[0]?.split('/') ?? [];
    const renewed = code === 'INVALID_PRODUCER_EPOCH' ? `${Number(first) + 1}/0/0` : `${first}/1/0`;
    expect(identities).toEqual([`${first}/0/0`, `${first}/0/1`, renewed]);
  });

  it('does not send again what may be stored, and says so', async () => {
    const storage = memoryStorage(briskClock());
    const codes = ['REQUEST_TIMED_OUT', 'INVALID_PRODUCER_EPOCH'] as const;
    let sentCount = 0;
    const client = await openTestClient(storage, {
      log: (log) =>
        throughLog(log, {
          produce: async (request, call) => {
            const code = codes[sentCount];
            sentCount += 1;
            if (code !== undefined) throw new MillraceError(code, 'not so');
            return log.produce(request, call);
          },
        }),
    });
    await client.log.createTopic({ name: 'open' }, newCall(storage.clock));
    const producer = createProducer(client.parts);
    const failed = producer.send({ topic: 'open', value: 'a' });
    expect(await refusal(failed)).toBe('REQUEST_TIMED_OUT');
    await expect(failed).rejects.toThrow('An earlier attempt may have stored the records');
    await producer.send({ topic: 'open', value: 'b' });
    expect(sentCount).toBe(3);
  });
});
