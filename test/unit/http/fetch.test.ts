import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/errors.ts';
import { decodeBatch } from '../../../lib/record/index.ts';
import { codecs } from '../../support/log-on-memory.ts';
import {
  type Api,
  BATCHES,
  BINARY_V2,
  JSON_V2,
  newTopic,
  openApi,
  produce,
  read,
  TEXT_V2,
} from './support.ts';

const AT = '/topics/t/partitions/0/records';

async function tenRecords(): Promise<Api> {
  const api = await openApi();
  await newTopic(api, 't');
  const records = Array.from({ length: 10 }, (_, n) => ({ value: `v${n}`, timestamp: 1_000 + n }));
  await produce(api, '/topics/t', records.slice(0, 6), TEXT_V2);
  await produce(api, '/topics/t', records.slice(6), TEXT_V2);
  return api;
}

const valuesOf = ({ json }: { json: readonly { value: string }[] }): string[] =>
  json.map(({ value }) => value);

describe('reading without state', () => {
  it('begins at the offset asked, in the middle of a batch too, and says where to read on', async () => {
    const api = await tenRecords();
    const answer = await read(api, `${AT}?offset=4&timeout=0`, TEXT_V2);
    expect(valuesOf(answer)).toEqual(['v4', 'v5', 'v6', 'v7', 'v8', 'v9']);
    expect(answer.headers).toMatchObject({
      'Content-Type': TEXT_V2,
      'X-Next-Offset': '10',
      'X-High-Watermark': '10',
      'X-Log-Start-Offset': '0',
    });
    expect(answer.headers['X-Millrace-Cost']).toMatch(
      /^write-units=0, read-units=[\d.]+, s3-requests=0, dollars=/,
    );
  });

  it('answers nothing at the end, once the time is up', async () => {
    const api = await tenRecords();
    const answer = await read(api, `${AT}?offset=10&timeout=20`, TEXT_V2);
    expect(answer).toMatchObject({ status: 200, json: [], headers: { 'X-Next-Offset': '10' } });
  });

  it('answers a waiting read as soon as a record comes', async () => {
    const api = await tenRecords();
    const waiting = read(api, `${AT}?offset=10&timeout=25000`, TEXT_V2);
    await produce(api, '/topics/t', [{ value: 'late' }], TEXT_V2);
    expect(valuesOf(await waiting)).toEqual(['late']);
  });

  it('never waits longer than the transport does', async () => {
    const api = await tenRecords();
    const answer = await api.ask('GET', `${AT}?offset=10&timeout=25000`, { ms: 300 });
    expect(answer.status).toBe(200);
  });

  it('ends a wait when the client stops listening', async () => {
    const api = await tenRecords();
    const gone = new AbortController();
    const waiting = api.ask('GET', `${AT}?offset=10&timeout=25000`, { signal: gone.signal });
    gone.abort();
    expect(await waiting).toMatchObject({ status: 200, json: [], headers: { 'X-Next-Offset': '10' } });
  });

  it('answers a client that closed its sending half before it was read', async () => {
    const api = await tenRecords();
    const answer = await api.ask('GET', `${AT}?offset=8`, {
      headers: { accept: TEXT_V2 },
      signal: AbortSignal.abort(),
    });
    expect(valuesOf(answer)).toEqual(['v8', 'v9']);
  });

  it('answers an interrupted wait as an empty read', async () => {
    const gone = new AbortController();
    const api = await openApi({
      methods: {
        fetch: async () => {
          gone.abort();
          throw new MillraceError('REQUEST_TIMED_OUT', 'the wait was ended');
        },
      },
    });
    const answer = await api.ask('GET', `${AT}?offset=10`, { signal: gone.signal });
    expect(answer).toMatchObject({ status: 200, json: [], headers: { 'X-Next-Offset': '10' } });
  });

  it('counts records, and goes on where it stopped', async () => {
    const api = await tenRecords();
    const answer = await read(api, `${AT}?offset=1&count=2`, TEXT_V2);
    expect(valuesOf(answer)).toEqual(['v1', 'v2']);
    expect(answer.headers['X-Next-Offset']).toBe('3');
  });

  it('keeps the encoded answer below max_bytes, but always answers one record', async () => {
    const api = await tenRecords();
    const some = await read(api, `${AT}?offset=0&max_bytes=300`, TEXT_V2);
    expect(some.text.length).toBeLessThanOrEqual(300);
    expect(valuesOf(some)).toEqual(['v0', 'v1', 'v2']);
    const tiny = await read(api, `${AT}?offset=5&max_bytes=1`, TEXT_V2);
    expect(valuesOf(tiny)).toEqual(['v5']);
    expect(tiny.headers['X-Next-Offset']).toBe('6');
  });

  it('is bounded whatever the client asks for', async () => {
    const api = await openApi({ answerBytesMax: 500 });
    await newTopic(api, 't');
    await produce(api, '/topics/t', [{ value: 'x'.repeat(400) }, { value: 'y'.repeat(400) }], TEXT_V2);
    const answer = await read(api, `${AT}?offset=0&max_bytes=100000000`, TEXT_V2);
    expect(answer.json).toHaveLength(1);
  });

  it('finds the first record at or after a time', async () => {
    const api = await tenRecords();
    expect(valuesOf(await read(api, `${AT}?timestamp=1007`, TEXT_V2))).toEqual(['v7', 'v8', 'v9']);
    expect((await read(api, `${AT}?timestamp=5000&timeout=0`, TEXT_V2)).headers['X-Next-Offset']).toBe('10');
  });

  it('counts back from the end', async () => {
    const api = await tenRecords();
    expect(valuesOf(await read(api, `${AT}?tail_offset=2`, TEXT_V2))).toEqual(['v8', 'v9']);
    expect((await read(api, `${AT}?tail_offset=99`, TEXT_V2)).json).toHaveLength(10);
    expect((await read(api, `${AT}?tail_offset=0&timeout=0`, TEXT_V2)).json).toEqual([]);
  });

  it('answers record batches as they are stored', async () => {
    const api = await tenRecords();
    const answer = await read(api, `${AT}?offset=7`, BATCHES);
    expect(answer.headers).toMatchObject({ 'Content-Type': BATCHES, 'X-Next-Offset': '10' });
    expect(decodeBatch(codecs, answer.bytes).map(({ offset }) => offset)).toEqual([6, 7, 8, 9]);
  });

  it.each([
    [undefined, BINARY_V2],
    ['*/*', BINARY_V2],
    ['application/json', BINARY_V2],
    ['application/vnd.kafka.v2+json', BINARY_V2],
    ['application/vnd.kafka.text.v2+json;q=0.5, application/vnd.kafka.binary.v2+json', BINARY_V2],
    ['text/html, application/vnd.kafka.text+json; q=0.1', TEXT_V2],
  ])('Accept %s is answered as %s', async (accept, type) => {
    const api = await tenRecords();
    const answer = await api.ask('GET', `${AT}?offset=0`, {
      headers: accept === undefined ? {} : { accept },
    });
    expect(answer).toMatchObject({ status: 200, headers: { 'Content-Type': type } });
  });

  it.each(['text/plain', 'application/vnd.kafka.avro.v2+json', 'application/vnd.kafka.json.v2+json;q=0'])(
    'Accept %s is 406',
    async (accept) => {
      const api = await tenRecords();
      const answer = await api.ask('GET', `${AT}?offset=0`, { headers: { accept } });
      expect(answer).toMatchObject({ status: 406, json: { error_code: 40601 } });
    },
  );

  it('says 40801 for stored bytes that are not of the format asked, after the good records before them', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    await produce(api, '/topics/t', [{ value: 1 }, { value: 2 }], JSON_V2);
    await produce(api, '/topics/t', [{ value: '/w==' }], BINARY_V2);
    const before = await read(api, `${AT}?offset=0`, JSON_V2);
    expect(before.json).toHaveLength(2);
    expect(before.headers['X-Next-Offset']).toBe('2');
    for (const format of [JSON_V2, TEXT_V2]) {
      const answer = await read(api, `${AT}?offset=2`, format);
      expect(answer).toMatchObject({
        status: 408,
        json: { error_code: 40801, kafka_error: 'INVALID_RECORD' },
      });
    }
    expect((await read(api, `${AT}?offset=2`, BINARY_V2)).json[0].value).toBe('/w==');
  });
});
