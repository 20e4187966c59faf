import { describe, expect, it } from 'vitest';
import { memoryStorage } from '../../../support/log-on-memory.ts';
import { newTopic, openApi, produce } from '../support.ts';
import { fill, filled, instanceAt, JSON_TYPE, newInstance } from './support.ts';

describe('an instance whose client chooses its partitions', () => {
  it('reads them from the beginning or the end, by its reset', async () => {
    const api = await filled({ partitions: 2 });
    const earliest = await newInstance(api);
    await earliest.assign(['t', 1], ['t', 0], ['t', 1]);
    expect([...(await earliest.assignments())].sort()).toEqual(['t:0', 't:1']);
    expect((await earliest.read()).length).toBe(6);
    expect(await earliest.read()).toEqual([]);
    const latest = await newInstance(api, { config: { 'auto.offset.reset': 'latest' } });
    await latest.assign(['t', 0]);
    await fill(api, 0, 1);
    expect(await latest.read()).toEqual(['t:0:3=0']);
  });

  it('begins at what the group has committed there', async () => {
    const api = await filled();
    const one = await newInstance(api);
    await one.assign(['t', 0]);
    expect((await one.post('offsets', { offsets: [{ topic: 't', partition: 0, offset: 1 }] })).status).toBe(
      200,
    );
    const two = await newInstance(api);
    await two.assign(['t', 0]);
    expect(await two.read()).toEqual(['t:0:2=2']);
  });

  it('keeps the positions of partitions that it keeps', async () => {
    const api = await filled({ partitions: 2 });
    const instance = await newInstance(api, { config: { 'auto.commit.enable': false } });
    await instance.assign(['t', 0]);
    await instance.read();
    await instance.assign(['t', 0], ['t', 1]);
    expect(await instance.read()).toEqual(['t:1:0=0', 't:1:1=1', 't:1:2=2']);
    await instance.assign(['t', 1]);
    expect(await instance.assignments()).toEqual(['t:1']);
    await instance.assign(['t', 0]);
    expect((await instance.read()).length).toBe(3);
  });

  it('is served by any process', async () => {
    const storage = memoryStorage();
    const [one, two] = [await openApi({ storage }), await openApi({ storage })];
    await filled({ api: one });
    const here = await newInstance(one);
    const there = instanceAt(two, here.path);
    await here.assign(['t', 0]);
    expect(await there.read('&max_bytes=1')).toEqual(['t:0:0=0']);
    expect(await here.read('&max_bytes=1')).toEqual(['t:0:1=1']);
    expect(await there.read()).toEqual(['t:0:2=2']);
  });

  it('is told when there are more than can be written down, and keeps what it had', async () => {
    const api = await filled();
    const instance = await newInstance(api);
    await instance.assign(['t', 0]);
    const names = Array.from({ length: 1_700 }, (_, at) => `${at}`.padStart(240, 'n'));
    for (const name of names) await newTopic(api, name);
    const partitions = names.map((topic) => ({ topic, partition: 0 }));
    const answer = await instance.post('assignments', { partitions });
    expect([answer.status, answer.json]).toEqual([
      409,
      expect.objectContaining({ error_code: 40903, kafka_error: 'GROUP_MAX_SIZE_REACHED' }),
    ]);
    expect(await instance.assignments()).toEqual(['t:0']);
  });

  it('cannot subscribe before it has dropped them, and the other way round', async () => {
    const api = await filled();
    const instance = await newInstance(api);
    await instance.assign(['t', 0]);
    expect(await instance.post('subscription', { topics: ['t'] })).toMatchObject({
      status: 409,
      json: { error_code: 40903 },
    });
    expect((await instance.delete('subscription')).status).toBe(204);
    expect(await instance.assignments()).toEqual([]);
    await instance.assign(['t', 0]);
    await instance.assign();
    expect(await instance.assignments()).toEqual([]);
    expect(await api.groups.list(api.newCall())).toEqual([]);
  });

  it.each<[string, unknown, number, number, string]>([
    ['no body', undefined, 422, 422, 'INVALID_REQUEST'],
    ['partitions that are no list', { partitions: 't' }, 422, 422, 'INVALID_REQUEST'],
    [
      'an unknown topic',
      { partitions: [{ topic: 'u', partition: 0 }] },
      404,
      40403,
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'an unknown partition',
      { partitions: [{ topic: 't', partition: 1 }] },
      404,
      40402,
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'a topic name that cannot be',
      { partitions: [{ topic: 'a b', partition: 0 }] },
      422,
      42206,
      'INVALID_TOPIC_EXCEPTION',
    ],
    ['a negative partition', { partitions: [{ topic: 't', partition: -1 }] }, 422, 422, 'INVALID_REQUEST'],
    [
      'more partitions than an instance may read',
      { partitions: Array.from({ length: 5_001 }, (_, partition) => ({ topic: 't', partition })) },
      422,
      422,
      'INVALID_REQUEST',
    ],
  ])('is refused %s, and keeps what it had', async (_what, body, status, restCode, kafkaError) => {
    const api = await filled();
    const instance = await newInstance(api);
    await instance.assign(['t', 0]);
    const answer = await instance.post('assignments', body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
    expect(await instance.assignments()).toEqual(['t:0']);
  });
});

describe('positions', () => {
  it('move to offsets, times, the beginning and the end', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    const records = [1, 2, 3].map((value) => ({ value, timestamp: value * 1_000 }));
    await produce(api, '/topics/t/partitions/0', records);
    const instance = await newInstance(api);
    await instance.assign(['t', 0]);
    const place = { topic: 't', partition: 0 };
    const values = async (): Promise<readonly string[]> =>
      (await instance.read()).map((record) => record.slice(record.indexOf('=') + 1));

    await instance.post('positions', { offsets: [{ ...place, offset: 2 }] });
    expect(await values()).toEqual(['3']);
    await instance.post('positions', { timestamps: [{ ...place, timestamp: '1970-01-01T00:00:01.500Z' }] });
    expect(await values()).toEqual(['2', '3']);
    await instance.post('positions', { timestamps: [{ ...place, timestamp: '2999-01-01T00:00:00Z' }] });
    expect(await values()).toEqual([]);
    await instance.post('positions/beginning', { partitions: [place] });
    expect(await values()).toEqual(['1', '2', '3']);
    await instance.post('positions/beginning', { partitions: [place] });
    await instance.post('positions/end', { partitions: [place] });
    expect(await values()).toEqual([]);
  });

  it('that lie where there are no records are reset, as in Kafka', async () => {
    const api = await filled();
    const instance = await newInstance(api);
    await instance.assign(['t', 0]);
    await instance.post('positions', { offsets: [{ topic: 't', partition: 0, offset: 999 }] });
    expect((await instance.read()).length).toBe(3);
    const strict = await newInstance(api, { group: 'h', config: { 'auto.offset.reset': 'none' } });
    await strict.assign(['t', 0]);
    expect(await strict.get('records?timeout=0')).toMatchObject({
      status: 400,
      json: { error_code: 40002, kafka_error: 'OFFSET_OUT_OF_RANGE' },
    });
    await strict.post('positions/beginning', { partitions: [{ topic: 't', partition: 0 }] });
    expect((await strict.read()).length).toBe(3);
  });

  const place = { topic: 't', partition: 0 };
  it.each<[string, string, unknown, number, number, string]>([
    ['no body', 'positions', undefined, 422, 422, 'INVALID_REQUEST'],
    ['neither offsets nor timestamps', 'positions', {}, 422, 422, 'INVALID_REQUEST'],
    ['a negative offset', 'positions', { offsets: [{ ...place, offset: -1 }] }, 422, 422, 'INVALID_REQUEST'],
    ['an offset of text', 'positions', { offsets: [{ ...place, offset: '1' }] }, 422, 422, 'INVALID_REQUEST'],
    [
      'a time that is none',
      'positions',
      { timestamps: [{ ...place, timestamp: 'noon' }] },
      422,
      422,
      'INVALID_TIMESTAMP',
    ],
    [
      'a partition that is not assigned',
      'positions',
      { offsets: [{ topic: 't', partition: 1, offset: 0 }] },
      409,
      40903,
      'INVALID_REQUEST',
    ],
    [
      'the beginning of such a one',
      'positions/beginning',
      { partitions: [{ topic: 'u', partition: 0 }] },
      409,
      40903,
      'INVALID_REQUEST',
    ],
    [
      'the end of such a one',
      'positions/end',
      { partitions: [{ topic: 't', partition: 7 }] },
      409,
      40903,
      'INVALID_REQUEST',
    ],
  ])('are refused %s, and stay', async (_what, below, body, status, restCode, kafkaError) => {
    const api = await filled({ partitions: 2 });
    const instance = await newInstance(api);
    await instance.assign(['t', 0]);
    const answer = await instance.post(below, body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
    expect((await instance.read()).length).toBe(3);
  });
});

describe('the routes of an instance', () => {
  it('say which methods they have', async () => {
    const api = await filled();
    const { path } = await newInstance(api);
    const answer = await api.ask('PUT', `${path}/records`, { headers: JSON_TYPE });
    expect(answer).toMatchObject({ status: 405, headers: { Allow: 'GET' } });
  });
});
