import { describe, expect, it } from 'vitest';
import { type Answered, type Api, newTopic, openApi, produce } from './support.ts';

interface Cluster extends Api {
  readonly base: string;
  at(method: string, path: string, body?: unknown): Promise<Answered>;
}

async function cluster(): Promise<Cluster> {
  const api = await openApi();
  const base = `/v3/clusters/${api.log.clusterId}`;
  const headers = { 'content-type': 'application/json' };
  return { ...api, base, at: (method, path, body) => api.ask(method, base + path, { headers, body }) };
}

describe('clusters and brokers', () => {
  it('there is one cluster, under both prefixes', async () => {
    const { log, ask } = await cluster();
    for (const prefix of ['/v3', '/kafka/v3']) {
      const { json } = await ask('GET', `${prefix}/clusters`);
      expect(json).toMatchObject({ kind: 'KafkaClusterList', metadata: { next: null } });
      expect(json.data).toHaveLength(1);
      const self = `http://millrace.test${prefix}/clusters/${log.clusterId}`;
      expect(json.data[0]).toMatchObject({
        kind: 'KafkaCluster',
        cluster_id: log.clusterId,
        metadata: { self, resource_name: `crn:///kafka=${log.clusterId}` },
        topics: { related: `${self}/topics` },
      });
      expect((await ask('GET', `${prefix}/clusters/${log.clusterId}`)).json).toEqual(json.data[0]);
    }
  });

  it('another cluster cannot be found', async () => {
    const { ask } = await cluster();
    const answer = await ask('GET', '/v3/clusters/other/topics');
    expect(answer).toMatchObject({ status: 404, headers: { 'Content-Type': 'application/json' } });
    expect(answer.json).toMatchObject({ error_code: 404, message: 'Cluster other cannot be found.' });
  });

  it('one broker stands for all', async () => {
    const { at } = await cluster();
    expect((await at('GET', '/brokers')).json.data).toEqual([(await at('GET', '/brokers/0')).json]);
    expect((await at('GET', '/brokers/1')).status).toBe(404);
  });
});

describe('topics', () => {
  it('are created, listed by name, described and deleted', async () => {
    const { at, base } = await cluster();
    const created = await at('POST', '/topics', {
      topic_name: 'b',
      partitions_count: 3,
      replication_factor: 3,
    });
    expect(created).toMatchObject({
      status: 201,
      headers: { Location: `http://millrace.test${base}/topics/b` },
    });
    expect(created.json).toMatchObject({ topic_name: 'b', partitions_count: 3, is_internal: false });
    await at('POST', '/topics', { topic_name: 'a', configs: [{ name: 'retention.ms', value: '5' }] });
    const { json } = await at('GET', '/topics');
    expect(json.data.map((topic: { topic_name: string }) => topic.topic_name)).toEqual(['a', 'b']);
    expect((await at('GET', '/topics/b')).json).toEqual(created.json);
    expect(await at('DELETE', '/topics/b')).toMatchObject({ status: 204, text: '' });
    expect(await at('GET', '/topics/b')).toMatchObject({ status: 404, json: { error_code: 40403 } });
    expect((await at('DELETE', '/topics/b')).status).toBe(404);
  });

  it('a name that is taken is refused in the words that clients compare', async () => {
    const { at } = await cluster();
    await at('POST', '/topics', { topic_name: 't' });
    const again = await at('POST', '/topics', { topic_name: 't' });
    expect(again.status).toBe(400);
    expect(again.json).toEqual({
      error_code: 40002,
      message: "Topic 't' already exists.",
      kafka_error: 'TOPIC_ALREADY_EXISTS',
    });
  });

  it('a creation that is only checked stores nothing', async () => {
    const { at } = await cluster();
    const answer = await at('POST', '/topics', { topic_name: 't', partitions_count: 2, validate_only: true });
    expect(answer).toMatchObject({ status: 200, json: { partitions_count: 2 } });
    expect((await at('GET', '/topics')).json.data).toEqual([]);
    const bad = { topic_name: 't', partitions_count: -7, validate_only: true };
    expect((await at('POST', '/topics', bad)).status).toBe(400);
  });

  it.each([
    [undefined, 422, 42206, 'INVALID_REQUEST'],
    ['{', 400, 400, 'INVALID_REQUEST'],
    [{}, 422, 42206, 'INVALID_REQUEST'],
    [{ topic_name: 't', partition_count: 1 }, 422, 42206, 'INVALID_REQUEST'],
    [{ topic_name: '' }, 422, 42206, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic_name: 'x'.repeat(250) }, 422, 42206, 'INVALID_TOPIC_EXCEPTION'],
    [{ topic_name: 't', partitions_count: 0 }, 400, 40002, 'INVALID_PARTITIONS'],
    [{ topic_name: 't', partitions_count: 2 ** 40 }, 400, 40002, 'INVALID_PARTITIONS'],
    [{ topic_name: 't', replication_factor: 4 }, 400, 40002, 'INVALID_REPLICATION_FACTOR'],
    [{ topic_name: 't', replication_factor: 0 }, 400, 40002, 'INVALID_REPLICATION_FACTOR'],
    [{ topic_name: 't', configs: [{ name: 'no.such', value: '1' }] }, 400, 40002, 'INVALID_CONFIG'],
    [{ topic_name: 't', configs: [{ name: 'retention.ms', value: 'soon' }] }, 400, 40002, 'INVALID_CONFIG'],
    [{ topic_name: 't', configs: [{ name: '__proto__', value: '1' }] }, 400, 40002, 'INVALID_CONFIG'],
    [
      { topic_name: 't', replicas_assignments: [{ partition_id: 0, broker_ids: [1] }] },
      400,
      40002,
      'INVALID_REQUEST',
    ],
  ])('%j is refused and creates nothing', async (body, status, restCode, kafkaError) => {
    const { at } = await cluster();
    const answer = await at('POST', '/topics', body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
    expect((await at('GET', '/topics')).json.data).toEqual([]);
  });

  it('a body that is no JSON by its type is refused', async () => {
    const { ask, base, at } = await cluster();
    const headers = { 'content-type': 'text/plain' };
    expect((await ask('POST', `${base}/topics`, { headers, body: { topic_name: 't' } })).status).toBe(415);
    expect((await at('GET', '/topics')).json.data).toEqual([]);
  });

  it('get more partitions, never fewer', async () => {
    const { at } = await cluster();
    await at('POST', '/topics', { topic_name: 't', partitions_count: 2 });
    expect((await at('PATCH', '/topics/t', { partitions_count: 5 })).json.partitions_count).toBe(5);
    for (const count of [5, 4, 0, -1]) {
      const answer = await at('PATCH', '/topics/t', { partitions_count: count });
      expect(answer).toMatchObject({
        status: 400,
        json: { error_code: 40002, kafka_error: 'INVALID_PARTITIONS' },
      });
    }
    expect((await at('PATCH', '/topics/x', { partitions_count: 5 })).status).toBe(404);
  });
});

describe('configs', () => {
  async function withTopic(): Promise<Cluster> {
    const api = await cluster();
    await api.at('POST', '/topics', { topic_name: 't', configs: [{ name: 'retention.ms', value: '5' }] });
    return api;
  }

  it('show value, source and synonyms', async () => {
    const { at } = await withTopic();
    const { json } = await at('GET', '/topics/t/configs');
    expect(json.data.map((config: { name: string }) => config.name)).toContain('cleanup.policy');
    expect((await at('GET', '/topics/t/configs/retention.ms')).json).toMatchObject({
      kind: 'KafkaTopicConfig',
      value: '5',
      is_default: false,
      source: 'DYNAMIC_TOPIC_CONFIG',
      synonyms: [
        { name: 'retention.ms', value: '5', source: 'DYNAMIC_TOPIC_CONFIG' },
        { name: 'retention.ms', value: '604800000', source: 'DEFAULT_CONFIG' },
      ],
    });
    await at('POST', '/topics', { topic_name: 'u' });
    expect((await at('GET', '/topics/-/configs')).json.data).toHaveLength(2 * json.data.length);
  });

  it('are set and reset one by one', async () => {
    const { at } = await withTopic();
    expect((await at('PUT', '/topics/t/configs/segment.ms', { value: '77' })).status).toBe(204);
    expect((await at('GET', '/topics/t/configs/segment.ms')).json.value).toBe('77');
    expect((await at('DELETE', '/topics/t/configs/segment.ms')).status).toBe(204);
    expect((await at('GET', '/topics/t/configs/segment.ms')).json.is_default).toBe(true);
  });

  it('are altered together or not at all', async () => {
    const { at } = await withTopic();
    const data = [
      { name: 'segment.ms', value: '77' },
      { name: 'retention.ms', operation: 'DELETE' },
    ];
    expect((await at('POST', '/topics/t/configs:alter', { data, validate_only: true })).status).toBe(204);
    expect((await at('GET', '/topics/t/configs/segment.ms')).json.is_default).toBe(true);
    expect((await at('POST', '/topics/t/configs:alter', { data })).status).toBe(204);
    expect((await at('GET', '/topics/t/configs/segment.ms')).json.value).toBe('77');
    expect((await at('GET', '/topics/t/configs/retention.ms')).json.is_default).toBe(true);
    const bad = [...data.slice(0, 1), { name: 'retention.ms', value: '-9' }];
    expect((await at('POST', '/topics/t/configs:alter', { data: bad })).json.kafka_error).toBe(
      'INVALID_CONFIG',
    );
    expect((await at('GET', '/topics/t/configs/retention.ms')).json.is_default).toBe(true);
  });

  it.each([
    ['PUT', '/topics/t/configs/no.such', { value: '1' }, 404, 404],
    ['GET', '/topics/t/configs/no.such', undefined, 404, 404],
    ['GET', '/topics/x/configs', undefined, 404, 40403],
    ['PUT', '/topics/x/configs/segment.ms', { value: '1' }, 404, 40403],
    ['PUT', '/topics/t/configs/segment.ms', { value: 1 }, 422, 42206],
    ['PUT', '/topics/t/configs/segment.ms', { value: '0' }, 400, 40002],
    ['PUT', '/topics/t/configs/segment.ms', { value: '9'.repeat(30) }, 400, 40002],
    ['PUT', '/topics/t/configs/hot.retention.ms', { value: '1' }, 400, 40002],
    ['POST', '/topics/t/configs:alter', { data: [{ name: 'no.such', value: '1' }] }, 404, 404],
    ['POST', '/topics/t/configs:alter', { data: [{ name: 'segment.ms' }] }, 422, 42206],
    ['POST', '/topics/t/configs:alter', { data: [{ name: 'segment.ms', operation: 'APPEND' }] }, 422, 42206],
    ['POST', '/topics/t/configs:alter', {}, 422, 42206],
    [
      'POST',
      '/topics/t/configs:alter',
      {
        data: [
          { name: 'segment.ms', value: '1' },
          { name: 'segment.ms', value: '2' },
        ],
      },
      400,
      40002,
    ],
  ])('%s %s %j is refused and changes nothing', async (method, path, body, status, restCode) => {
    const { at } = await withTopic();
    const before = (await at('GET', '/topics/t/configs')).json;
    expect(await at(method, path, body)).toMatchObject({ status, json: { error_code: restCode } });
    expect((await at('GET', '/topics/t/configs')).json).toEqual(before);
  });
});

describe('partitions', () => {
  it('are listed with their synthetic replica and their offsets', async () => {
    const api = await cluster();
    await newTopic(api, 't', 2);
    await produce(api, '/topics/t/partitions/1', [{ value: 1 }, { value: 2 }]);
    const { json } = await api.at('GET', '/topics/t/partitions');
    expect(json.data).toHaveLength(2);
    expect((await api.at('GET', '/topics/t/partitions/1')).json).toEqual({
      ...json.data[1],
      incident: null,
      leader_epochs: [],
    });
    expect((await api.at('GET', '/topics/t/partitions/1/offset')).json).toMatchObject({
      kind: 'KafkaPartitionWithOffsets',
      partition_id: 1,
      earliest_offset: 0,
      latest_offset: 2,
    });
    const replicas = (await api.at('GET', '/topics/t/partitions/1/replicas')).json;
    expect(replicas.data).toEqual([(await api.at('GET', '/topics/t/partitions/1/replicas/0')).json]);
    expect(replicas.data[0]).toMatchObject({ broker_id: 0, is_leader: true, is_in_sync: true });
  });

  it.each([
    ['/topics/x/partitions', 404, 40403],
    ['/topics/t/partitions/7', 404, 40402],
    ['/topics/t/partitions/7/offset', 404, 40402],
    ['/topics/t/partitions/0/offset?offset_type=latest', 400, 400],
    ['/topics/t/partitions/0/replicas/1', 404, 404],
  ])('%s is %d with code %d', async (path, status, restCode) => {
    const api = await cluster();
    await newTopic(api, 't');
    expect(await api.at('GET', path)).toMatchObject({ status, json: { error_code: restCode } });
  });
});
