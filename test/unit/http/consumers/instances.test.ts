import { describe, expect, it } from 'vitest';
import { memoryStorage } from '../../../support/log-on-memory.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { type Api, openApi } from '../support.ts';
import { filled, instanceAt, JSON_TYPE, newInstance } from './support.ts';

const create = (api: Api, body?: unknown, group = 'g'): ReturnType<Api['ask']> =>
  api.ask('POST', `/consumers/${group}`, body === undefined ? {} : { headers: JSON_TYPE, body });

describe('creating a consumer instance', () => {
  it('answers its name and where it is, with a body or without', async () => {
    const api = await openApi();
    const named = await create(api, { name: 'one', format: 'json' });
    expect(named).toMatchObject({
      status: 200,
      headers: { 'Content-Type': 'application/vnd.kafka.v2+json' },
      json: { instance_id: 'one', base_uri: 'http://millrace.test/consumers/g/instances/one' },
    });
    const unnamed = await create(api);
    expect(unnamed.json.instance_id).toMatch(/^rest-consumer-[\w-]{22}$/);
    expect((await create(api, { id: 'two' })).json.instance_id).toBe('two');
  });

  it('takes a name that lives only once in a group, in whatever process', async () => {
    const storage = memoryStorage();
    const [one, two] = [await openApi({ storage }), await openApi({ storage })];
    await create(one, { name: 'same' });
    expect(await create(two, { name: 'same' })).toMatchObject({
      status: 409,
      json: { error_code: 40902, kafka_error: 'UNRELEASED_INSTANCE_ID' },
    });
    expect((await create(two, { name: 'same' }, 'other')).status).toBe(200);
    expect((await instanceAt(two, '/consumers/g/instances/same').delete()).status).toBe(204);
    expect((await create(one, { name: 'same' })).status).toBe(200);
  });

  it.each([
    ['a/b', '%2F?#'],
    [' ', '\n'],
    ['grüße', '群組'],
    ['..', '%'],
    ['g', '💥'],
    ['\u0000', 'subscription'],
    ['g'.repeat(255), 'n'.repeat(255)],
  ])('takes any characters in group and name: %j, %j', async (group, name) => {
    const api = await filled();
    const instance = await newInstance(api, { group, config: { name } });
    await instance.assign(['t', 0]);
    expect(await instance.read()).toEqual(['t:0:0=0', 't:0:1=1', 't:0:2=2']);
    expect((await instance.delete()).status).toBe(204);
  });

  it.each<[string, unknown, number, number, string]>([
    ['an unknown format', { format: 'xml' }, 422, 422, 'INVALID_REQUEST'],
    ['a reset that is none', { 'auto.offset.reset': 'middle' }, 422, 42204, 'INVALID_CONFIG'],
    ['a flag that is none', { 'auto.commit.enable': 'perhaps' }, 422, 42204, 'INVALID_CONFIG'],
    [
      'two flags for one thing',
      { 'auto.commit.enable': true, 'enable.auto.commit': true },
      422,
      42204,
      'INVALID_CONFIG',
    ],
    ['too many bytes to wait for', { 'fetch.min.bytes': 1e9 }, 422, 40001, 'INVALID_CONFIG'],
    ['too few', { 'fetch.min.bytes': '-2' }, 422, 40001, 'INVALID_CONFIG'],
    ['a time that is no number', { 'consumer.request.timeout.ms': 'soon' }, 422, 42204, 'INVALID_CONFIG'],
    ['an unknown isolation', { 'isolation.level': 'snapshot' }, 422, 42204, 'INVALID_CONFIG'],
    ['an unknown member', { 'group.id': 'g' }, 422, 422, 'INVALID_REQUEST'],
    ['a name of another type', { name: 5 }, 422, 422, 'INVALID_REQUEST'],
    ['an empty name', { name: '' }, 422, 422, 'INVALID_REQUEST'],
    ['a name that is too long', { name: 'ü'.repeat(128) }, 422, 422, 'INVALID_REQUEST'],
    ['half a surrogate pair', '{"name":"\\ud800"}', 422, 422, 'INVALID_REQUEST'],
    ['no JSON', 'name', 400, 400, 'INVALID_REQUEST'],
  ])('%s is refused', async (_what, body, status, restCode, kafkaError) => {
    const api = await openApi();
    const answer = await create(api, body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
    expect(await api.groups.list(api.newCall())).toEqual([]);
  });

  it('a group id that cannot be is refused', async () => {
    const api = await openApi();
    expect(await create(api, {}, 'g'.repeat(256))).toMatchObject({
      status: 422,
      json: { kafka_error: 'INVALID_GROUP_ID' },
    });
    expect((await create(api, {}, '%ff')).status).toBe(400);
    expect((await create(api, {}, '%ed%a0%80')).status).toBe(400);
    expect((await create(api, {}, '')).status).toBe(404);
  });

  it('a type that is not JSON is refused, an empty body of any type is not', async () => {
    const api = await openApi();
    const headers = { 'content-type': 'text/plain' };
    expect((await api.ask('POST', '/consumers/g', { headers, body: '{}' })).status).toBe(415);
    expect((await api.ask('POST', '/consumers/g', { headers })).status).toBe(200);
    const binary = { 'content-type': 'application/vnd.kafka.binary.v2+json' };
    expect((await api.ask('POST', '/consumers/g', { headers: binary, body: '{}' })).status).toBe(200);
  });

  it('goes on for ten thousand of a group', async () => {
    const api = await openApi();
    for (let count = 0; count < 10_000; count += 100) {
      const names = Array.from({ length: 100 }, (_, index) => ({ name: `i${count + index}` }));
      const answers = await Promise.all(names.map((body) => create(api, body)));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
    }
    expect((await create(api, { name: 'i9999' })).status).toBe(409);
    expect((await api.ask('GET', '/consumers/g/instances/i1234/assignments')).status).toBe(200);
  });
});

describe('an instance that is not there', () => {
  const BELOW: readonly [string, string, unknown?][] = [
    ['DELETE', ''],
    ['POST', '/subscription', { topics: ['t'] }],
    ['GET', '/subscription'],
    ['DELETE', '/subscription'],
    ['POST', '/assignments', { partitions: [{ topic: 't', partition: 0 }] }],
    ['GET', '/assignments'],
    ['GET', '/records'],
    ['POST', '/offsets'],
    ['GET', '/offsets'],
    ['POST', '/offsets:query', { partitions: [] }],
    ['POST', '/positions', { offsets: [{ topic: 't', partition: 0, offset: 0 }] }],
    ['POST', '/positions/beginning', { partitions: [{ topic: 't', partition: 0 }] }],
    ['POST', '/positions/end', { partitions: [{ topic: 't', partition: 0 }] }],
  ];

  it.each(BELOW)(
    '%s %s is 404 for an unknown one and for one of another group',
    async (method, below, body) => {
      const api = await filled();
      const { path } = await newInstance(api, { group: 'other', config: { name: 'foreign' } });
      expect(path).toBe('/consumers/other/instances/foreign');
      const asked = body === undefined ? {} : { headers: JSON_TYPE, body };
      for (const name of ['nobody', 'foreign']) {
        const answer = await api.ask(method, `/consumers/g/instances/${name}${below}`, asked);
        expect(answer).toMatchObject({
          status: 404,
          json: { error_code: 40403, kafka_error: 'UNKNOWN_MEMBER_ID' },
        });
      }
      expect(await api.groups.list(api.newCall())).toEqual([]);
    },
  );
});

describe('the life of an instance', () => {
  it('ends when nobody has called it for five minutes, not before', async () => {
    const clock = manualClock();
    const api = await openApi({ storage: memoryStorage(clock) });
    const used = await newInstance(api, { config: { name: 'used' } });
    const forgotten = await newInstance(api, { config: { name: 'forgotten' } });
    for (let minute = 0; minute < 10; minute += 2) {
      clock.advance(120_000);
      expect((await used.get('subscription')).status).toBe(200);
      const isThere = minute < 4;
      expect((await create(api, { name: 'used' })).status).toBe(409);
      if (!isThere) expect((await forgotten.get('subscription')).status).toBe(404);
    }
    clock.advance(299_000);
    expect((await used.get('subscription')).status).toBe(200);
  });

  it('leaves its name to a new one, which knows nothing of it', async () => {
    const clock = manualClock();
    const api = await filled({ api: await openApi({ storage: memoryStorage(clock) }) });
    const old = await newInstance(api, { config: { name: 'n' } });
    await old.assign(['t', 0]);
    clock.advance(400_000);
    expect((await old.get('assignments')).status).toBe(404);
    const again = await newInstance(api, { config: { name: 'n' } });
    expect(await again.assignments()).toEqual([]);
  });
});
