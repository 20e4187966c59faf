import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/errors.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import { codecs } from '../../support/log-on-memory.ts';
import { BATCHES, BINARY_V2, JSON_V2, newTopic, openApi, produce, read, TEXT_V2 } from './support.ts';

const RECORDS = '/topics/t/partitions/0/records?offset=0&timeout=0';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('producing with the v2 API', () => {
  it('answers one entry for every record, in their order, as the REST Proxy does', async () => {
    const api = await openApi();
    await newTopic(api, 't', 3);
    const answer = await produce(api, '/topics/t', [
      { value: 'a', partition: 2 },
      { value: 'b', partition: 0 },
      { value: 'c', partition: 2 },
    ]);
    expect(answer.status).toBe(200);
    expect(answer.headers['Content-Type']).toBe('application/vnd.kafka.v2+json');
    expect(answer.json).toEqual({
      offsets: [
        { partition: 2, offset: 0, error_code: null, error: null },
        { partition: 0, offset: 0, error_code: null, error: null },
        { partition: 2, offset: 1, error_code: null, error: null },
      ],
      key_schema_id: null,
      value_schema_id: null,
    });
  });

  it('sends equal keys to the partition of the Java client, and keyless records of a request to one', async () => {
    const api = await openApi();
    await newTopic(api, 't', 6);
    const records = [{ key: 'foobar' }, { key: 'a' }, { key: 'a' }, { value: 1 }, { value: 2 }];
    const keyed = await produce(api, '/topics/t', records, TEXT_V2).then(({ status }) => status);
    expect(keyed).toBe(422);
    const answer = await produce(
      api,
      '/topics/t',
      records.map((record) => ('key' in record ? record : { value: String(record.value) })),
      TEXT_V2,
    );
    const partitions = answer.json.offsets.map((entry: { partition: number }) => entry.partition);
    expect(partitions.slice(0, 3)).toEqual([0, 4, 4]);
    expect(partitions[3]).toBe(partitions[4]);
  });

  it('keeps keys, values, nulls, headers and timestamps in every format', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const headers = [
      { key: 'h', value: base64('x') },
      { key: 'h', value: null },
    ];
    await produce(
      api,
      '/topics/t',
      [{ key: base64('k'), value: base64('v'), timestamp: 5, headers }],
      BINARY_V2,
    );
    await produce(api, '/topics/t', [{ key: 'k', value: 'v', timestamp: 6 }], TEXT_V2);
    await produce(
      api,
      '/topics/t',
      [{ key: null, value: { a: [1, null] }, timestamp: 7 }, { value: null }],
      JSON_V2,
    );
    const { json } = await read(api, RECORDS, BINARY_V2);
    expect(json[0]).toEqual({
      topic: 't',
      partition: 0,
      offset: 0,
      timestamp: 5,
      key: base64('k'),
      value: base64('v'),
      headers,
    });
    expect(json[1]).toMatchObject({
      offset: 1,
      key: base64('k'),
      value: base64('v'),
      timestamp: 6,
      headers: [],
    });
    expect(json[2]).toMatchObject({ key: null, value: base64('{"a":[1,null]}'), timestamp: 7 });
    expect(json[3]).toMatchObject({ key: null, value: null });
  });

  it('stamps records that carry no time with the present', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const before = Date.now();
    await produce(api, '/topics/t', [{ value: 1 }]);
    const { json } = await read(api, RECORDS);
    expect(json[0].timestamp).toBeGreaterThanOrEqual(before);
    expect(json[0].timestamp).toBeLessThanOrEqual(Date.now());
  });

  it('alters no digit of a number inside a JSON value', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const numbers = '[12345678901234567890,0.1234567890123456789,1e400,-0.000000000000000000001,1.5]';
    const answer = await api.ask('POST', '/topics/t', {
      headers: { 'content-type': JSON_V2 },
      body: `{"records":[{"value":${numbers}}]}`,
    });
    expect(answer.status).toBe(200);
    const { text } = await read(api, RECORDS);
    expect(text).toContain(`"value":${numbers}`);
  });

  it.each([
    ['application/vnd.kafka.json.v2+json', '"v"'],
    ['application/vnd.kafka.json.v1+json', '"v"'],
    ['application/vnd.kafka.json+json; charset=utf-8', '"v"'],
    ['APPLICATION/VND.KAFKA.JSON.V2+JSON', '"v"'],
    ['application/json', 'v'],
    ['application/octet-stream', 'v'],
    ['application/vnd.kafka.v2+json', 'v'],
    ['application/vnd.kafka.binary.v2+json', 'v'],
  ])('Content-Type %s means that value as %s', async (type, stored) => {
    const api = await openApi();
    await newTopic(api, 't');
    const value = stored === '"v"' ? 'v' : base64('v');
    expect((await produce(api, '/topics/t', [{ value }], type)).status).toBe(200);
    const { json } = await read(api, RECORDS, BINARY_V2);
    expect(json[0].value).toBe(base64(stored));
  });

  it('takes a request without Content-Type for JSON', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const answer = await api.ask('POST', '/topics/t', { body: { records: [{ value: { a: 1 } }] } });
    expect(answer.status).toBe(200);
    expect((await read(api, RECORDS)).json[0].value).toEqual({ a: 1 });
  });

  it('takes the members of schema registries and leaves them alone', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const body = { value_schema: null, key_schema_id: 7, records: [{ value: 1 }] };
    const answer = await api.ask('POST', '/topics/t', { headers: { 'content-type': JSON_V2 }, body });
    expect(answer.status).toBe(200);
  });

  it('splits what does not fit one batch, and keeps order and offsets', async () => {
    const api = await openApi();
    await newTopic(api, 't', 1, [{ name: 'max.message.bytes', value: '400' }]);
    const records = Array.from({ length: 20 }, (_, n) => ({ value: `${n}`.padStart(100, '.') }));
    const answer = await produce(api, '/topics/t/partitions/0', records, TEXT_V2);
    expect(answer.json.offsets.map((entry: { offset: number }) => entry.offset)).toEqual(
      records.map((_, n) => n),
    );
    const { json } = await read(api, RECORDS, TEXT_V2);
    expect(json.map((record: { value: string }) => record.value)).toEqual(records.map(({ value }) => value));
  });

  it('says what it cost', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    await produce(api, '/topics/t', [{ value: 1 }]);
    const warm = await produce(api, '/topics/t', [{ value: 1 }]);
    expect(warm.headers['X-Millrace-Cost']).toBe(
      'write-units=1, read-units=0, s3-requests=0, dollars=0.000000625',
    );
  });

  it('stores a retry with the same Idempotency-Key once and answers the first offsets', async () => {
    const api = await openApi();
    await newTopic(api, 't', 4);
    const retry = {
      headers: { 'content-type': JSON_V2, 'idempotency-key': 'order-1' },
      body: { records: [{ value: 1 }, { key: 'a', value: 2 }] },
    };
    const first = await api.ask('POST', '/topics/t', retry);
    const second = await api.ask('POST', '/topics/t', retry);
    expect(first.status).toBe(200);
    expect(second.json).toEqual(first.json);
    expect(await api.recordCount('t')).toBe(2);
  });

  it('refuses an Idempotency-Key that comes with another body', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const headers = { 'content-type': JSON_V2, 'idempotency-key': 'order-1' };
    await api.ask('POST', '/topics/t', { headers, body: { records: [{ value: 1 }] } });
    const other = await api.ask('POST', '/topics/t', { headers, body: { records: [{ value: 2 }] } });
    expect(other.status).toBe(400);
    expect(other.json.kafka_error).toBe('INVALID_REQUEST');
    expect(await api.recordCount('t')).toBe(1);
  });

  it('takes record batches as they are', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const records = ['a', 'b'].map((value) => ({ key: null, value: Buffer.from(value), timestampMs: 9 }));
    const answer = await api.ask('POST', '/topics/t/partitions/0', {
      headers: { 'content-type': BATCHES },
      body: encodeBatch(codecs, records, { compression: 'gzip' }),
    });
    expect(answer.json.offsets).toEqual([{ partition: 0, offset: 0, error_code: null, error: null }]);
    const { json } = await read(api, RECORDS, TEXT_V2);
    expect(json.map((record: { value: string }) => record.value)).toEqual(['a', 'b']);
  });
});

describe('what the log refuses', () => {
  const failing = (code: ConstructorParameters<typeof MillraceError>[0], partition?: number) =>
    openApi({
      methods: {
        produce: async (request) => {
          if (partition === undefined || request.partition === partition) throw new MillraceError(code, 'no');
          return { baseOffset: 4, logAppendTimeMs: -1, logStartOffset: 0, duplicate: false };
        },
      },
    });

  it('is told per record when other records were stored', async () => {
    const api = await failing('REQUEST_TIMED_OUT', 1);
    await newTopic(api, 't', 2);
    const answer = await produce(api, '/topics/t', [{ partition: 1 }, { partition: 0 }]);
    expect(answer.status).toBe(200);
    expect(answer.json.offsets).toEqual([
      { partition: null, offset: null, error_code: 50003, error: 'REQUEST_TIMED_OUT: no' },
      { partition: 0, offset: 4, error_code: null, error: null },
    ]);
  });

  it('is told to the operator when storage failed, once', async () => {
    const api = await failing('KAFKA_STORAGE_ERROR');
    await newTopic(api, 't', 2);
    await produce(api, '/topics/t', [{ partition: 1 }]);
    expect(api.faults).toMatchObject([{ path: '/topics/t', cause: { code: 'KAFKA_STORAGE_ERROR' } }]);
  });

  it('has 50002 where a retry does not help', async () => {
    const api = await failing('INVALID_RECORD', 1);
    await newTopic(api, 't', 2);
    const answer = await produce(api, '/topics/t', [{ partition: 1 }, { partition: 0 }]);
    expect(answer.json.offsets[0]).toMatchObject({ error_code: 50002, error: 'INVALID_RECORD: no' });
  });

  it.each([
    ['REQUEST_TIMED_OUT', 503, 50003],
    ['THROTTLING_QUOTA_EXCEEDED', 429, 42901],
    ['KAFKA_STORAGE_ERROR', 500, 50003],
  ] as const)(
    'is the status of the request when it met every record: %s is %d',
    async (code, status, restCode) => {
      const api = await failing(code);
      await newTopic(api, 't', 2);
      const answer = await produce(api, '/topics/t', [{ partition: 1 }, { partition: 0 }]);
      expect(answer.status).toBe(status);
      expect(answer.json).toEqual({ error_code: restCode, message: 'no', kafka_error: code });
      expect(answer.headers['Retry-After']).toBe('1');
      expect(answer.headers['X-Millrace-Cost']).toBeDefined();
    },
  );

  it('shows nothing of a fault inside, but logs its cause', async () => {
    const cause = new TypeError('secret detail');
    const api = await openApi({ methods: { produce: () => Promise.reject(cause) } });
    await newTopic(api, 't');
    const answer = await produce(api, '/topics/t', [{ value: 1 }]);
    expect(answer.status).toBe(500);
    expect(answer.json.kafka_error).toBe('UNKNOWN_SERVER_ERROR');
    expect(answer.text).not.toContain('secret');
    expect(api.faults).toEqual([expect.objectContaining({ cause, method: 'POST', path: '/topics/t' })]);
  });
});
