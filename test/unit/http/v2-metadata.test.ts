import { describe, expect, it } from 'vitest';
import { newTopic, openApi, produce } from './support.ts';

const partition = (id: number) => ({
  partition: id,
  leader: 0,
  replicas: [{ broker: 0, leader: true, in_sync: true }],
});

describe('metadata of the v2 API', () => {
  it('answers what the REST Proxy answers', async () => {
    const api = await openApi();
    await newTopic(api, 'b', 2);
    await newTopic(api, 'a', 1, [{ name: 'retention.ms', value: '1000' }]);
    expect((await api.ask('GET', '/')).json).toEqual({});
    expect((await api.ask('GET', '/brokers')).json).toEqual({ brokers: [0] });
    expect((await api.ask('GET', '/topics/')).json).toEqual(['a', 'b']);
    const topic = (await api.ask('GET', '/topics/a')).json;
    expect(topic).toMatchObject({ name: 'a', partitions: [partition(0)] });
    expect(topic.configs).toMatchObject({ 'retention.ms': '1000', 'cleanup.policy': 'delete' });
    expect((await api.ask('GET', '/topics/b/partitions')).json).toEqual([partition(0), partition(1)]);
    expect((await api.ask('GET', '/topics/b/partitions/1')).json).toEqual(partition(1));
  });

  it('answers both ends of a partition', async () => {
    const api = await openApi();
    await newTopic(api, 't');
    await produce(api, '/topics/t', [{ value: 1 }, { value: 2 }]);
    const answer = await api.ask('GET', '/topics/t/partitions/0/offsets');
    expect(answer.json).toEqual({ beginning_offset: 0, end_offset: 2 });
    expect(answer.headers['Content-Type']).toBe('application/vnd.kafka.v2+json');
  });

  it.each([
    ['/topics/x', 40403],
    ['/topics/x/partitions', 40401],
    ['/topics/x/partitions/0', 40401],
    ['/topics/x/partitions/0/offsets', 40401],
    ['/topics/t/partitions/1', 40402],
    ['/topics/t/partitions/1/offsets', 40402],
    ['/topics/t/partitions/one', 404],
    ['/topics/t/partitions/-1', 40402],
  ])('%s is 404 with code %d', async (path, restCode) => {
    const api = await openApi();
    await newTopic(api, 't');
    const answer = await api.ask('GET', path);
    expect(answer).toMatchObject({ status: 404, json: { error_code: restCode } });
  });

  it('answers 406 to a client that takes no JSON', async () => {
    const api = await openApi();
    expect((await api.ask('GET', '/topics', { headers: { accept: 'text/html' } })).status).toBe(406);
    expect((await api.ask('GET', '/topics', { headers: { accept: 'text/html, */*;q=0.1' } })).status).toBe(
      200,
    );
  });

  it('answers HEAD without a body', async () => {
    const api = await openApi();
    expect(await api.ask('HEAD', '/topics')).toMatchObject({ status: 200, text: '' });
  });

  it('creates topics as the Strimzi Bridge does', async () => {
    const api = await openApi();
    const headers = { 'content-type': 'application/json' };
    const body = { topic_name: 'made', partitions_count: 3, replication_factor: 1 };
    expect((await api.ask('POST', '/admin/topics', { headers, body })).status).toBe(201);
    expect((await api.ask('GET', '/topics/made/partitions')).json).toHaveLength(3);
    const again = await api.ask('POST', '/admin/topics', { headers, body });
    expect(again).toMatchObject({ status: 400, json: { kafka_error: 'TOPIC_ALREADY_EXISTS' } });
  });

  it.each([
    ['', 422, 'INVALID_REQUEST'],
    ['{"topic_name":"t","partitions":3}', 422, 'INVALID_REQUEST'],
    ['{"topic_name":"a b"}', 422, 'INVALID_TOPIC_EXCEPTION'],
    ['{"topic_name":".."}', 422, 'INVALID_TOPIC_EXCEPTION'],
    ['{"topic_name":"t","partitions_count":0}', 400, 'INVALID_PARTITIONS'],
    ['{"topic_name":"t","partitions_count":10000000}', 400, 'INVALID_PARTITIONS'],
    ['{"topic_name":"t","replication_factor":9}', 400, 'INVALID_REPLICATION_FACTOR'],
  ])('refuses to create %s', async (body, status, kafkaError) => {
    const api = await openApi();
    const answer = await api.ask('POST', '/admin/topics', { body });
    expect(answer).toMatchObject({ status, json: { kafka_error: kafkaError } });
    expect((await api.ask('GET', '/topics')).json).toEqual([]);
  });

  it('says whether it is alive and ready', async () => {
    let reason: string | undefined;
    const api = await openApi({ notReady: () => reason });
    expect((await api.ask('GET', '/healthy')).status).toBe(204);
    expect((await api.ask('GET', '/ready')).status).toBe(204);
    reason = 'stopping';
    expect(await api.ask('GET', '/ready')).toMatchObject({ status: 503, json: { message: 'stopping' } });
  });
});
