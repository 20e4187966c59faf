import { describe, expect, it } from 'vitest';
import { ErrorAnswer } from '../../../lib/http/schemas/common.ts';
import { RecordReport } from '../../../lib/http/schemas/v3.ts';
import { type Answered, type Api, BINARY_V2, newTopic, openApi, read } from './support.ts';

const HEADERS = { 'content-type': 'application/json' };
const RECORDS = '/topics/t/partitions/0/records?offset=0&timeout=0';

async function withTopic(partitions = 1): Promise<Api> {
  const api = await openApi();
  await newTopic(api, 't', partitions, [{ name: 'max.message.bytes', value: '1000' }]);
  return api;
}

const send = (api: Api, body: unknown, headers: Record<string, string> = HEADERS): Promise<Answered> =>
  api.ask('POST', `/v3/clusters/${api.log.clusterId}/topics/t/records`, { headers, body });

/** The reports, each held against its schema. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into reports of both shapes
function reportsOf({ text }: Answered): any[] {
  expect(text.endsWith('\r\n')).toBe(true);
  return text
    .trimEnd()
    .split('\r\n')
    .map((line) => {
      const report = JSON.parse(line);
      const schema = report.error_code === 200 ? RecordReport : ErrorAnswer;
      expect(schema().safeParse(report).error, line).toBeUndefined();
      return report;
    });
}

describe('producing with the v3 API', () => {
  it('reports on one record', async () => {
    const api = await withTopic();
    const answer = await send(api, {
      partition_id: 0,
      headers: [{ name: 'h', value: 'AAE=' }, { name: 'n' }],
      key: { type: 'STRING', data: 'k' },
      value: { type: 'JSON', data: { a: 1 } },
      timestamp: '2026-01-31T12:00:00.123Z',
    });
    expect(answer).toMatchObject({ status: 200, headers: { 'Content-Type': 'application/json' } });
    expect(reportsOf(answer)).toEqual([
      {
        error_code: 200,
        cluster_id: api.log.clusterId,
        topic_name: 't',
        partition_id: 0,
        offset: 0,
        timestamp: '2026-01-31T12:00:00.123Z',
        key: { type: 'STRING', size: 1 },
        value: { type: 'JSON', size: 7 },
      },
    ]);
    const [record] = (await read(api, RECORDS, BINARY_V2)).json;
    expect(record).toMatchObject({ timestamp: Date.parse('2026-01-31T12:00:00.123Z'), key: 'aw==' });
    expect(record.headers).toEqual([
      { key: 'h', value: 'AAE=' },
      { key: 'n', value: null },
    ]);
    expect(answer.headers['X-Millrace-Cost']).toContain('write-units=1,');
  });

  it('reports on any number of objects, with or without space between them, in their order', async () => {
    const api = await withTopic();
    const answer = await send(
      api,
      '{"value":{"type":"STRING","data":"}{ \\" \\\\"}}{"value":{"type":"BINARY","data":"AAE="}}\n\n {"value":{"type":"JSON","data":null}}',
    );
    expect(reportsOf(answer).map(({ offset }) => offset)).toEqual([0, 1, 2]);
    const { json } = await read(api, RECORDS, BINARY_V2);
    const values = json.map(({ value }: { value: string }) => value);
    expect(values).toEqual([Buffer.from('}{ " \\').toString('base64'), 'AAE=', null]);
  });

  it('sends equal keys to the partition of the Java client', async () => {
    const api = await withTopic(6);
    const answer = await send(
      api,
      '{"key":{"type":"STRING","data":"a"}}{"key":{"type":"BINARY","data":"YQ=="}}',
    );
    expect(reportsOf(answer).map(({ partition_id }) => partition_id)).toEqual([4, 4]);
  });

  it('reports what is wrong with one record where it stands, and stores the others', async () => {
    const api = await withTopic();
    const bodies = [
      { value: { type: 'STRING', data: 'a' } },
      { value: { type: 'BINARY', data: '!' } },
      { value: { type: 'AVRO', data: 1, schema_id: 1 } },
      { value: { data: 1 } },
      { value: { type: 'STRING', data: 1 } },
      { valu: 1 },
      { partition_id: 9 },
      { partition_id: -1 },
      { timestamp: 'yesterday' },
      { timestamp: '1969-12-31T23:59:59Z' },
      { value: { type: 'STRING', data: 'x'.repeat(2_000) } },
      { value: { type: 'STRING', data: 'b' } },
    ];
    const answer = await send(api, bodies.map((body) => JSON.stringify(body)).join('\n'));
    expect(answer.status).toBe(200);
    const reports = reportsOf(answer);
    expect(reports.map(({ error_code }) => error_code)).toEqual([
      200, 422, 422, 422, 422, 422, 40402, 422, 422, 422, 413, 200,
    ]);
    expect(reports[1].message).toMatch(/^Error: 42206 : /);
    expect(reports[10].kafka_error).toBe('MESSAGE_TOO_LARGE');
    expect(reports[11].offset).toBe(1);
    expect(await api.recordCount('t')).toBe(2);
  });

  it.each(['{"value":{"type":"JSON","data":1}', '[]', '{"value":}', 'null', '{"value":"'])(
    'ends the stream with one report at %s',
    async (broken) => {
      const api = await withTopic();
      const alone = reportsOf(await send(api, broken));
      expect(alone).toMatchObject([{ error_code: 400, kafka_error: 'INVALID_REQUEST' }]);
      expect(await api.recordCount('t')).toBe(0);
      const after = reportsOf(await send(api, `{"value":{"type":"JSON","data":1}} ${broken}`));
      expect(after.map(({ error_code }) => error_code)).toEqual([200, 400]);
    },
  );

  it.each([
    ['', HEADERS, 422, 42206],
    [' \n', HEADERS, 422, 42206],
    ['{}', { 'content-type': 'text/plain' }, 415, 415],
    ['{}', { 'content-type': 'application/json; charset=utf-16' }, 400, 400],
  ])('%j with %j is refused before anything is read', async (body, headers, status, restCode) => {
    const api = await withTopic();
    expect(await send(api, body, headers)).toMatchObject({ status, json: { error_code: restCode } });
    expect(await api.recordCount('t')).toBe(0);
  });

  it('reads ISO-8859-1 if the body says so', async () => {
    const api = await withTopic();
    const body = Buffer.from('{"value":{"type":"STRING","data":"ü"}}', 'latin1');
    const answer = await send(api, body, { 'content-type': 'application/json; charset=ISO-8859-1' });
    expect(reportsOf(answer)[0].value.size).toBe(2);
  });

  it('does not look at the cluster id, but at the topic', async () => {
    const api = await withTopic();
    const body = { value: { type: 'JSON', data: 1 } };
    const any = await api.ask('POST', '/v3/clusters/any/topics/t/records', { headers: HEADERS, body });
    expect(reportsOf(any)[0].error_code).toBe(200);
    const missing = await api.ask('POST', '/v3/clusters/any/topics/x/records', { headers: HEADERS, body });
    expect(missing).toMatchObject({ status: 404, json: { error_code: 40403 } });
  });
});

describe('producing a batch with the v3 API', () => {
  const batch = (api: Api, entries: unknown): Promise<Answered> =>
    api.ask('POST', `/v3/clusters/${api.log.clusterId}/topics/t/records:batch`, {
      headers: HEADERS,
      body: { entries },
    });

  it('answers successes and failures by their ids', async () => {
    const api = await withTopic();
    const answer = await batch(api, [
      { id: 'a', value: { type: 'STRING', data: 'x' } },
      { id: 'b', value: { type: 'BINARY', data: '!' } },
      { id: 'c' },
    ]);
    expect(answer.status).toBe(207);
    expect(
      answer.json.successes.map(({ id, offset }: { id: string; offset: number }) => [id, offset]),
    ).toEqual([
      ['a', 0],
      ['c', 1],
    ]);
    expect(answer.json.failures).toMatchObject([{ id: 'b', error_code: 422 }]);
  });

  it.each([
    ['no entries', [], 42208],
    ['too many', Array.from({ length: 11 }, (_, n) => ({ id: `${n}` })), 42208],
    ['an id twice', [{ id: 'a' }, { id: 'a' }], 42208],
    ['an empty id', [{ id: '' }], 42206],
    ['a long id', [{ id: 'x'.repeat(81) }], 42206],
    ['no id', [{}], 42206],
  ])('%s: nothing is stored', async (_what, entries, restCode) => {
    const api = await withTopic();
    expect(await batch(api, entries)).toMatchObject({ status: 422, json: { error_code: restCode } });
    expect(await api.recordCount('t')).toBe(0);
  });
});
