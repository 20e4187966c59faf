import { describe, expect, it } from 'vitest';
import { FETCH_ROUTES } from '../../../lib/http/function-routes/fetch.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import { codecs } from '../../support/log-on-memory.ts';
import { type Api, BATCHES, BINARY_V2, JSON_V2, newTopic, openApi, TEXT_V2 } from './support.ts';

const batch = (): Uint8Array =>
  encodeBatch(codecs, [{ key: null, value: Buffer.from('value'), timestampMs: 1 }], { compression: 'none' });

function corrupt(): Uint8Array {
  const bytes = batch();
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  return bytes;
}

const nested = (depth: number): string => `{"records":[{"value":${'['.repeat(depth)}${']'.repeat(depth)}}]}`;
const one = (record: unknown): string => JSON.stringify({ records: [record] });

/** What is wrong, Content-Type, body, and the status, REST code and Kafka name that answer it; path if not /topics/t. */
type Wrong = [string, string, string | Uint8Array, number, number, string, string?];
const PRODUCES: readonly Wrong[] = [
  ['no body', JSON_V2, '', 422, 422, 'INVALID_REQUEST'],
  ['no JSON', JSON_V2, 'records', 400, 400, 'INVALID_REQUEST'],
  ['truncated JSON', JSON_V2, '{"records":[{"value":1}', 400, 400, 'INVALID_REQUEST'],
  ['JSON with a tail', JSON_V2, '{"records":[{"value":1}]}}', 400, 400, 'INVALID_REQUEST'],
  ['bytes that are no UTF-8', JSON_V2, Uint8Array.of(0x7b, 0xff, 0x7d), 400, 400, 'INVALID_REQUEST'],
  ['an unknown charset', `${JSON_V2}; charset=utf-16`, one({ value: 1 }), 400, 400, 'INVALID_REQUEST'],
  ['an array for an object', JSON_V2, '[]', 422, 422, 'INVALID_REQUEST'],
  ['no records', JSON_V2, '{}', 422, 422, 'INVALID_REQUEST'],
  ['an empty list of records', JSON_V2, '{"records":[]}', 422, 422, 'INVALID_REQUEST'],
  ['records that are no list', JSON_V2, '{"records":{"value":1}}', 422, 422, 'INVALID_REQUEST'],
  ['an unknown member', JSON_V2, '{"records":[{"value":1}],"acks":1}', 422, 422, 'INVALID_REQUEST'],
  ['an unknown member of a record', JSON_V2, one({ value: 1, offset: 3 }), 422, 422, 'INVALID_REQUEST'],
  [
    'a member named __proto__',
    JSON_V2,
    '{"records":[{"value":1,"__proto__":{}}]}',
    422,
    422,
    'INVALID_REQUEST',
  ],
  ['a negative partition', JSON_V2, one({ partition: -1 }), 422, 422, 'INVALID_REQUEST'],
  ['a fractional partition', JSON_V2, one({ partition: 0.5 }), 422, 422, 'INVALID_REQUEST'],
  [
    'a huge partition',
    JSON_V2,
    '{"records":[{"partition":99999999999999999999}]}',
    422,
    422,
    'INVALID_REQUEST',
  ],
  [
    'a partition in path and body',
    JSON_V2,
    one({ partition: 0 }),
    422,
    422,
    'INVALID_REQUEST',
    '/topics/t/partitions/0',
  ],
  ['a negative timestamp', JSON_V2, one({ timestamp: -5 }), 422, 422, 'INVALID_REQUEST'],
  ['a huge timestamp', JSON_V2, one({ timestamp: 1e30 }), 422, 422, 'INVALID_REQUEST'],
  ['a timestamp years ahead', JSON_V2, one({ timestamp: 9e15 }), 422, 42206, 'INVALID_TIMESTAMP'],
  ['a header without a name', JSON_V2, one({ headers: [{ value: 'AA==' }] }), 422, 422, 'INVALID_REQUEST'],
  [
    'a header that is no base64',
    JSON_V2,
    one({ headers: [{ key: 'h', value: '*' }] }),
    400,
    400,
    'INVALID_RECORD',
  ],
  ['nesting without end', JSON_V2, nested(2_000_000), 422, 422, 'INVALID_RECORD'],
  ['base64 with foreign characters', BINARY_V2, one({ value: 'not base64!' }), 400, 400, 'INVALID_RECORD'],
  ['base64 for URLs', BINARY_V2, one({ value: '_-_-' }), 400, 400, 'INVALID_RECORD'],
  ['base64 without padding', BINARY_V2, one({ value: 'YQ' }), 400, 400, 'INVALID_RECORD'],
  ['base64 with a line break', BINARY_V2, one({ value: 'YWJj\nYWJj' }), 400, 400, 'INVALID_RECORD'],
  ['a number for base64', BINARY_V2, one({ value: 1 }), 422, 422, 'INVALID_RECORD'],
  ['an object for text', TEXT_V2, one({ key: {} }), 422, 422, 'INVALID_RECORD'],
  ['half a surrogate pair', TEXT_V2, one({ value: '\ud800' }), 422, 422, 'INVALID_RECORD'],
  ['a foreign media type', 'text/plain', one({ value: 1 }), 415, 415, 'INVALID_REQUEST'],
  [
    'a format of a schema registry',
    'application/vnd.kafka.avro.v2+json',
    one({ value: 1 }),
    415,
    415,
    'INVALID_REQUEST',
  ],
  ['batches without a partition', BATCHES, batch(), 415, 415, 'INVALID_REQUEST'],
  ['a corrupt batch', BATCHES, corrupt(), 422, 42206, 'CORRUPT_MESSAGE', '/topics/t/partitions/0'],
  [
    'a truncated batch',
    BATCHES,
    batch().subarray(0, 50),
    422,
    42206,
    'CORRUPT_MESSAGE',
    '/topics/t/partitions/0',
  ],
  [
    'batches to a missing partition',
    BATCHES,
    batch(),
    404,
    40402,
    'UNKNOWN_TOPIC_OR_PARTITION',
    '/topics/t/partitions/9',
  ],
  ['an unknown topic', JSON_V2, one({ value: 1 }), 404, 40401, 'UNKNOWN_TOPIC_OR_PARTITION', '/topics/other'],
  [
    'a topic name that cannot be',
    JSON_V2,
    one({ value: 1 }),
    422,
    42206,
    'INVALID_TOPIC_EXCEPTION',
    '/topics/a%20b',
  ],
  [
    'an unknown partition',
    JSON_V2,
    one({ value: 1, partition: 3 }),
    404,
    40402,
    'UNKNOWN_TOPIC_OR_PARTITION',
  ],
  [
    'an unknown partition in the path',
    JSON_V2,
    one({}),
    404,
    40402,
    'UNKNOWN_TOPIC_OR_PARTITION',
    '/topics/t/partitions/3',
  ],
  [
    'a partition beyond 32 bits',
    JSON_V2,
    one({}),
    404,
    40402,
    'UNKNOWN_TOPIC_OR_PARTITION',
    '/topics/t/partitions/4294967296',
  ],
  [
    'a partition that is no number',
    JSON_V2,
    one({}),
    404,
    404,
    'UNKNOWN_TOPIC_OR_PARTITION',
    '/topics/t/partitions/x',
  ],
  ['a record too large', JSON_V2, one({ value: 'x'.repeat(2_000) }), 413, 413, 'MESSAGE_TOO_LARGE'],
];

async function smallTopic(): Promise<Api> {
  const api = await openApi();
  await newTopic(api, 't', 2, [{ name: 'max.message.bytes', value: '1000' }]);
  return api;
}

describe('a produce request that is wrong gets its error and stores nothing', () => {
  it.each<Wrong>(PRODUCES)(
    '%s',
    async (_what, type, body, status, restCode, kafkaError, path = '/topics/t') => {
      const api = await smallTopic();
      const answer = await api.ask('POST', path, { headers: { 'content-type': type }, body });
      expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
      expect(answer.headers['Content-Type']).toBe('application/vnd.kafka.v2+json');
      expect(await api.recordCount('t')).toBe(0);
      expect(api.faults).toEqual([]);
    },
  );

  it('one bad record among good ones stops all of them', async () => {
    const api = await smallTopic();
    const records = [{ value: 1 }, { value: 'x'.repeat(2_000) }, { value: 2 }];
    const large = await api.ask('POST', '/topics/t', {
      headers: { 'content-type': JSON_V2 },
      body: { records },
    });
    expect(large.status).toBe(413);
    const missing = {
      records: [
        { value: 1, partition: 0 },
        { value: 2, partition: 2 },
      ],
    };
    const answer = await api.ask('POST', '/topics/t', {
      headers: { 'content-type': JSON_V2 },
      body: missing,
    });
    expect(answer.status).toBe(404);
    expect(await api.recordCount('t')).toBe(0);
  });

  it.each(['', ' ', 'a b', 'ü', 'x'.repeat(256)])('Idempotency-Key %j', async (key) => {
    const api = await smallTopic();
    const headers = { 'content-type': JSON_V2, 'idempotency-key': key };
    const answer = await api.ask('POST', '/topics/t', { headers, body: one({ value: 1 }) });
    expect(answer).toMatchObject({ status: 400, json: { kafka_error: 'INVALID_REQUEST' } });
    expect(await api.recordCount('t')).toBe(0);
  });
});

describe('a read that is wrong gets its error', () => {
  it.each([
    ['', 400, 40002, 'INVALID_REQUEST'],
    ['offset=', 400, 40002, 'INVALID_REQUEST'],
    ['offset=one', 400, 40002, 'INVALID_REQUEST'],
    ['offset=0x10', 400, 40002, 'INVALID_REQUEST'],
    ['offset=1e3', 400, 40002, 'INVALID_REQUEST'],
    ['offset=-1', 400, 40002, 'OFFSET_OUT_OF_RANGE'],
    ['offset=7', 400, 40002, 'OFFSET_OUT_OF_RANGE'],
    ['offset=99999999999999999999', 400, 40002, 'OFFSET_OUT_OF_RANGE'],
    ['offset=0&timestamp=0', 400, 40002, 'INVALID_REQUEST'],
    ['offset=0&timeout=-1', 400, 40002, 'INVALID_REQUEST'],
    ['offset=0&timeout=soon', 400, 40002, 'INVALID_REQUEST'],
    ['offset=0&max_bytes=0', 400, 40002, 'INVALID_REQUEST'],
    ['offset=0&count=0', 400, 40002, 'INVALID_REQUEST'],
    ['tail_offset=-3', 400, 40002, 'INVALID_REQUEST'],
  ])('?%s', async (query, status, restCode, kafkaError) => {
    const api = await smallTopic();
    const answer = await api.ask('GET', `/topics/t/partitions/0/records?${query}`);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
  });

  it.each([
    ['/topics/other/partitions/0/records', 40402],
    ['/topics/t/partitions/2/records', 40402],
    ['/topics/t/partitions/x/records', 404],
  ])('%s', async (path, restCode) => {
    const api = await smallTopic();
    const answer = await api.ask('GET', `${path}?offset=0`);
    const kafkaError = 'UNKNOWN_TOPIC_OR_PARTITION';
    expect(answer).toMatchObject({ status: 404, json: { error_code: restCode, kafka_error: kafkaError } });
  });
});

describe('requests to nowhere', () => {
  it('an unknown path is 404 in the type of its API', async () => {
    const api = await openApi();
    const v2 = await api.ask('GET', '/nowhere');
    expect(v2).toMatchObject({ status: 404, headers: { 'Content-Type': 'application/vnd.kafka.v2+json' } });
    const v3 = await api.ask('GET', '/v3/nowhere');
    expect(v3).toMatchObject({ status: 404, headers: { 'Content-Type': 'application/json' } });
  });

  it('a method that a path does not have is 405 and names those it has', async () => {
    const api = await openApi();
    const answer = await api.ask('DELETE', '/topics/t');
    expect(answer).toMatchObject({ status: 405, headers: { Allow: 'GET, POST' }, json: { error_code: 405 } });
    expect((await api.ask('POST', '/openapi.json')).status).toBe(405);
  });

  it('an escape that begins no character is 400', async () => {
    const api = await openApi();
    expect((await api.ask('GET', '/topics/%E0%A4%A')).status).toBe(400);
  });

  it('routes of another group are not there', async () => {
    const api = await openApi({ routes: FETCH_ROUTES });
    expect((await api.ask('GET', '/topics')).status).toBe(404);
    expect((await api.ask('POST', '/topics/t')).status).toBe(404);
  });
});
