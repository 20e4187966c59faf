import { describe, expect, it } from 'vitest';
import { batchOf } from '../../support/log-on-memory.ts';
import { type Answered, type Api, BATCHES, JSON_V2, newTopic, openApi } from './support.ts';

interface Producer {
  readonly producer_id: number;
  readonly producer_epoch: number;
}

async function newProducer(api: Api, body?: unknown): Promise<Producer> {
  const answer = await api.ask('POST', '/producer-ids', { ...(body === undefined ? {} : { body }) });
  expect(answer.status).toBe(200);
  return answer.json;
}

const numbered = (
  { producer_id, producer_epoch }: Producer,
  sequence: number | string,
): Record<string, string> => ({
  'content-type': JSON_V2,
  'millrace-producer-id': String(producer_id),
  'millrace-producer-epoch': String(producer_epoch),
  'millrace-sequence': String(sequence),
});

const values = (...all: readonly unknown[]): object => ({ records: all.map((value) => ({ value })) });
const PLACE = '/topics/t/partitions/0';

async function ready(): Promise<
  Api & { send: (headers: Record<string, string>, body: unknown, target?: string) => Promise<Answered> }
> {
  const api = await openApi();
  await newTopic(api, 't', 2);
  return { ...api, send: (headers, body, target = PLACE) => api.ask('POST', target, { headers, body }) };
}

describe('producer ids', () => {
  it('are handed out once each, with epoch 0, in v2 and v3', async () => {
    const api = await openApi();
    const first = await newProducer(api);
    const v3 = await api.ask('POST', `/v3/clusters/${api.log.clusterId}/producer-ids`, {});
    const third = await newProducer(api, {});
    const ids = [first, v3.json as Producer, third].map(({ producer_id }) => producer_id);
    expect(new Set(ids).size).toBe(3);
    expect([first.producer_epoch, v3.json.producer_epoch]).toEqual([0, 0]);
  });

  it('keep their id with the next epoch, until the epochs are used up', async () => {
    const api = await openApi();
    const first = await newProducer(api);
    expect(await newProducer(api, first)).toEqual({ ...first, producer_epoch: 1 });
    const last = await newProducer(api, { ...first, producer_epoch: 32_767 });
    expect(last.producer_id).not.toBe(first.producer_id);
    expect(last.producer_epoch).toBe(0);
  });

  it.each([
    { producer_id: 1 },
    { producer_epoch: 1 },
    { producer_id: -1, producer_epoch: 0 },
    { producer_id: 1, producer_epoch: 32_768 },
    { producer_id: 1.5, producer_epoch: 0 },
    { producer_id: '1', producer_epoch: 0 },
    { id: 1 },
    [],
  ])('%j is refused', async (body) => {
    const api = await openApi();
    const answer = await api.ask('POST', '/producer-ids', { body });
    expect(answer).toMatchObject({ status: 422, json: { kafka_error: 'INVALID_REQUEST' } });
  });
});

describe('a produce with a producer id', () => {
  it('is stored once however often it is sent, and answers its first offsets', async () => {
    const api = await ready();
    const producer = await newProducer(api);
    const first = await api.send(numbered(producer, 0), values('a', 'b'));
    expect(first.json.offsets.map(({ offset }: { offset: number }) => offset)).toEqual([0, 1]);
    await api.send(numbered(producer, 2), values('c'));
    const again = await api.send(numbered(producer, 0), values('a', 'b'));
    expect(again.json).toEqual(first.json);
    expect(await api.recordCount('t')).toBe(3);
  });

  it('beyond the next sequence is out of order, below the epoch is fenced; neither stores anything', async () => {
    const api = await ready();
    const producer = await newProducer(api);
    await api.send(numbered(producer, 0), values('a'));
    expect(await api.send(numbered(producer, 2), values('c'))).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    });
    const next = await newProducer(api, producer);
    await api.send(numbered(next, 0), values('b'));
    expect(await api.send(numbered(producer, 1), values('c'))).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'INVALID_PRODUCER_EPOCH' },
    });
    expect(await api.recordCount('t')).toBe(2);
  });

  it('may go to a topic if keys or partitions lead to one place', async () => {
    const api = await ready();
    const producer = await newProducer(api);
    const keyed = {
      records: [
        { key: 'k', value: 1 },
        { key: 'k', value: 2 },
      ],
    };
    const first = await api.send(numbered(producer, 0), keyed, '/topics/t');
    expect(first.status).toBe(200);
    expect((await api.send(numbered(producer, 0), keyed, '/topics/t')).json).toEqual(first.json);
    expect(await api.recordCount('t')).toBe(2);
  });

  it('is numbered in v3, too: one by one or as a batch', async () => {
    const api = await ready();
    const producer = await newProducer(api);
    const base = `/v3/clusters/${api.log.clusterId}/topics/t`;
    const headers = { ...numbered(producer, 0), 'content-type': 'application/json' };
    const record = { partition_id: 0, value: { type: 'JSON', data: 1 } };
    const body = `${JSON.stringify(record)}${JSON.stringify(record)}`;
    const first = await api.ask('POST', `${base}/records`, { headers, body });
    const again = await api.ask('POST', `${base}/records`, { headers, body });
    expect(again.text.match(/"offset":\d+/g)).toEqual(first.text.match(/"offset":\d+/g));
    const batch = { entries: [{ id: 'x', ...record }] };
    const more = { ...numbered(producer, 2), 'content-type': 'application/json' };
    await api.ask('POST', `${base}/records:batch`, { headers: more, body: batch });
    const gap = await api.ask('POST', `${base}/records:batch`, {
      headers: { ...more, 'millrace-sequence': '9' },
      body: batch,
    });
    expect(gap).toMatchObject({ status: 409, json: { kafka_error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } });
    expect(await api.recordCount('t')).toBe(3);
  });
});

describe('a numbered produce that is wrong is refused and stores nothing', () => {
  const producer = { producer_id: 7, producer_epoch: 0 };
  const all = numbered(producer, 0);
  const { 'millrace-sequence': _, ...incomplete } = all;
  const ANY = '/topics/t';
  const two = {
    records: [
      { partition: 0, value: 1 },
      { partition: 1, value: 2 },
    ],
  };

  it.each<[string, Record<string, string>, unknown, string, number]>([
    ['without a sequence', incomplete, values(1), PLACE, 422],
    ['with a negative sequence', { ...all, 'millrace-sequence': '-1' }, values(1), PLACE, 400],
    ['with a sequence beyond 31 bits', { ...all, 'millrace-sequence': '2147483648' }, values(1), PLACE, 400],
    ['with an epoch beyond 15 bits', { ...all, 'millrace-producer-epoch': '32768' }, values(1), PLACE, 400],
    [
      'with a producer id that is no number',
      { ...all, 'millrace-producer-id': '0x7' },
      values(1),
      PLACE,
      400,
    ],
    ['with an idempotency key as well', { ...all, 'idempotency-key': 'k' }, values(1), PLACE, 422],
    ['to two partitions', all, two, ANY, 422],
    ['without a place', all, values(1), ANY, 422],
    ['of batches, which carry their own', { ...all, 'content-type': BATCHES }, batchOf('a'), PLACE, 422],
    [
      'with an expected offset that is none',
      { ...all, 'millrace-expected-offset': 'end' },
      values(1),
      PLACE,
      400,
    ],
  ])('%s', async (_what, headers, body, target, status) => {
    const api = await ready();
    const answer = await api.ask('POST', target, { headers, body });
    expect(answer).toMatchObject({ status, json: { kafka_error: 'INVALID_REQUEST' } });
    expect(await api.recordCount('t')).toBe(0);
  });

  it('in v3 when one record of it is wrong', async () => {
    const api = await ready();
    const headers = { ...all, 'content-type': 'application/json' };
    const body =
      '{"partition_id":0,"value":{"type":"JSON","data":1}}{"partition_id":0,"value":{"type":"AVRO","data":1}}';
    const answer = await api.ask('POST', `/v3/clusters/x/topics/t/records`, { headers, body });
    expect(answer).toMatchObject({ status: 422, json: { kafka_error: 'INVALID_RECORD' } });
    expect(await api.recordCount('t')).toBe(0);
  });
});

describe('an append at an expected offset', () => {
  const at = (offset: number): Record<string, string> => ({
    'content-type': JSON_V2,
    'millrace-expected-offset': String(offset),
  });

  it('is stored if the partition ends there', async () => {
    const api = await ready();
    expect((await api.send(at(0), values('a', 'b'))).status).toBe(200);
    const next = await api.send(at(2), values('c'));
    expect(next.json.offsets[0].offset).toBe(2);
  });

  it.each([0, 3])('elsewhere (%d) is 412, says where the end is, and stores nothing', async (offset) => {
    const api = await ready();
    await api.send(at(0), values('a', 'b'));
    const answer = await api.send(at(offset), values('c'));
    expect(answer).toMatchObject({
      status: 412,
      headers: { 'X-Next-Offset': '2' },
      json: { error_code: 412, kafka_error: 'UNEXPECTED_TAIL', next_offset: 2 },
    });
    const v3 = await api.ask('POST', '/v3/clusters/x/topics/t/records', {
      headers: { ...at(offset), 'content-type': 'application/json' },
      body: '{"partition_id":0,"value":{"type":"JSON","data":1}}',
    });
    expect(v3).toMatchObject({ status: 412, json: { next_offset: 2 } });
    expect(await api.recordCount('t')).toBe(2);
  });

  it('takes record batches, too', async () => {
    const api = await ready();
    const headers = { ...at(0), 'content-type': BATCHES };
    expect((await api.ask('POST', PLACE, { headers, body: batchOf('a') })).status).toBe(200);
    expect((await api.ask('POST', PLACE, { headers, body: batchOf('a') })).status).toBe(412);
  });
});
