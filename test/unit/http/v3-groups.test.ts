import { describe, expect, it } from 'vitest';
import type { GroupDescription } from '../../../lib/groups.ts';
import { type Answered, type Api, newTopic, openApi, produce } from './support.ts';

const headers = { 'content-type': 'application/json' };
const ORIGIN = 'http://millrace.test';

interface Filled extends Api {
  readonly base: string;
  get(path: string): Promise<Answered>;
}

/** Topics `t` (2 partitions) and `u`, with three records in each partition; the group `g` has committed in `t`. */
async function filled(options: Parameters<typeof openApi>[0] = {}): Promise<Filled> {
  const api = await openApi(options);
  await newTopic(api, 't', 2);
  await newTopic(api, 'u');
  for (const place of ['t/partitions/0', 't/partitions/1', 'u/partitions/0']) {
    await produce(api, `/topics/${place}`, [{ value: 0 }, { value: 1 }, { value: 2 }]);
  }
  const offsets = [
    { topic: 't', partition: 0, offset: 2, metadata: 'here' },
    { topic: 't', partition: 1, offset: 0, leaderEpoch: 0 },
  ];
  await api.groups.commit({ groupId: 'g', offsets }, api.newCall());
  const base = `/v3/clusters/${api.log.clusterId}/consumer-groups`;
  return { ...api, base, get: (path) => api.ask('GET', `${base}${path}`) };
}

/** The group as it is with a member. */
const occupied = (groupId: string): GroupDescription => ({
  groupId,
  state: 'STABLE',
  groupEpoch: 1,
  assignor: 'range',
  isSimple: false,
  members: [
    {
      memberId: 'a/b',
      memberEpoch: 1,
      instanceId: 'i',
      clientId: 'c',
      subscription: { topics: ['t'] },
      assignment: [{ topicId: 'x', topic: 't', partitions: [0, 1] }],
      target: [],
    },
    { memberId: 'z', memberEpoch: 1, clientId: '', subscription: {}, assignment: [], target: [] },
  ],
});

describe('consumer groups over HTTP', () => {
  it('are listed and shown, with links that lead on', async () => {
    const api = await filled();
    await api.groups.commit(
      { groupId: 'a/#% é', offsets: [{ topic: 't', partition: 0, offset: 1 }] },
      api.newCall(),
    );
    const list = await api.get('');
    expect(list.json.data.map((group: { consumer_group_id: string }) => group.consumer_group_id)).toEqual([
      'a/#% é',
      'g',
    ]);
    for (const group of list.json.data) {
      const same = await api.ask('GET', group.metadata.self.replace(ORIGIN, ''));
      expect(same.json).toEqual(group);
      const summary = await api.ask('GET', group.lag_summary.related.replace(ORIGIN, ''));
      expect(summary).toMatchObject({ status: 200, json: { consumer_group_id: group.consumer_group_id } });
      const consumers = await api.ask('GET', group.consumers.related.replace(ORIGIN, ''));
      expect(consumers.json).toMatchObject({ kind: 'KafkaConsumerList', data: [] });
    }
    expect((await api.get('/g')).json).toMatchObject({
      kind: 'KafkaConsumerGroup',
      metadata: { resource_name: `crn:///kafka=${api.log.clusterId}/consumer-group=g` },
      is_simple: true,
      partition_assignor: 'uniform',
      state: 'EMPTY',
    });
  });

  it('are 404 with code 40405 if they are not there', async () => {
    const api = await filled();
    for (const path of [
      '',
      '/consumers',
      '/consumers/a',
      '/consumers/a/assignments',
      '/lags',
      '/lag-summary',
    ]) {
      expect(await api.get(`/none${path}`)).toMatchObject({
        status: 404,
        json: { error_code: 40405, kafka_error: 'GROUP_ID_NOT_FOUND' },
      });
    }
    const tooLong = await api.get(`/${'x'.repeat(256)}`);
    expect(tooLong).toMatchObject({ status: 422, json: { kafka_error: 'INVALID_GROUP_ID' } });
  });

  it('show their members and what each owns', async () => {
    const api = await filled({ groupMethods: { describe: async (groupId) => occupied(groupId) } });
    const { data } = (await api.get('/g/consumers')).json;
    expect(data).toMatchObject([
      { consumer_id: 'a/b', instance_id: 'i', client_id: 'c' },
      { consumer_id: 'z', instance_id: null, client_id: '' },
    ]);
    const self = data[0].metadata.self.replace(ORIGIN, '');
    expect((await api.ask('GET', self)).json).toEqual(data[0]);
    const assignments = await api.ask('GET', data[0].assignments.related.replace(ORIGIN, ''));
    expect(assignments.json.data).toMatchObject([
      { topic_name: 't', partition_id: 0, consumer_id: 'a/b' },
      { topic_name: 't', partition_id: 1, consumer_id: 'a/b' },
    ]);
    const [, second] = assignments.json.data;
    expect((await api.ask('GET', second.metadata.self.replace(ORIGIN, ''))).json).toEqual(second);
    expect((await api.ask('GET', second.lag.related.replace(ORIGIN, ''))).json).toMatchObject({ lag: 3 });
    expect((await api.ask('GET', second.partition.related.replace(ORIGIN, ''))).json).toMatchObject({
      partition_id: 1,
    });
    expect((await api.get('/g/consumers/z/assignments')).json.data).toEqual([]);
    for (const path of ['x', 'z/assignments/t/partitions/0', 'a%2Fb/assignments/t/partitions/2']) {
      expect((await api.get(`/g/consumers/${path}`)).status).toBe(404);
    }
    expect((await api.get('/g/consumers/z/assignments/t/partitions/one')).status).toBe(404);
  });

  it('show a member that joined, and are not deleted under it', async () => {
    const api = await filled();
    const join = { groupId: 'g', memberId: 'm', memberEpoch: 0, subscription: { topics: ['t'] }, owned: [] };
    const { memberEpoch, assignment } = await api.groups.heartbeat(join, api.newCall());
    const places = (assignment ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    const request = { groupId: 'g', memberId: 'm', memberEpoch, places };
    const taken = await api.groups.takeOver(request, api.newCall());
    expect(taken.map(({ committed }) => committed?.offset)).toEqual([2, 0]);
    expect((await api.get('/g')).json).toMatchObject({ state: 'STABLE', is_simple: false });
    expect((await api.get('/g/consumers/m/assignments')).json.data).toMatchObject([
      { topic_name: 't', partition_id: 0 },
      { topic_name: 't', partition_id: 1 },
    ]);
    expect((await api.get('/g/lag-summary')).json).toMatchObject({ max_lag: 3, max_lag_consumer_id: 'm' });
    const refused = { status: 409, json: { error_code: 40903, kafka_error: 'NON_EMPTY_GROUP' } };
    expect(await api.ask('DELETE', `${api.base}/g`)).toMatchObject(refused);
    const body = { data: [{ topic_name: 't', to: 'LATEST' }] };
    expect(await api.ask('POST', `${api.base}/g/offsets:reset`, { headers, body })).toMatchObject(refused);
    expect(await api.ask('DELETE', `${api.base}/g/offsets/t/partitions/0`)).toMatchObject({
      status: 409,
      json: { kafka_error: 'GROUP_SUBSCRIBED_TO_TOPIC' },
    });
  });

  it('are deleted once they have no members', async () => {
    const api = await filled();
    expect((await api.ask('DELETE', `${api.base}/g`)).status).toBe(204);
    expect((await api.get('/g')).status).toBe(404);
    expect(await api.ask('DELETE', `${api.base}/g`)).toMatchObject({
      status: 404,
      json: { error_code: 40405 },
    });
    expect((await api.get('')).json.data).toEqual([]);
  });
});

describe('lags over HTTP', () => {
  it('stand for each position, and together', async () => {
    const api = await filled();
    const { data } = (await api.get('/g/lags')).json;
    expect(data).toMatchObject([
      { topic_name: 't', partition_id: 0, current_offset: 2, log_end_offset: 3, lag: 1, consumer_id: '' },
      { topic_name: 't', partition_id: 1, current_offset: 0, log_end_offset: 3, lag: 3, client_id: '' },
    ]);
    expect((await api.ask('GET', data[1].metadata.self.replace(ORIGIN, ''))).json).toEqual(data[1]);
    const summary = await api.get('/g/lag-summary');
    expect(summary.json).toMatchObject({
      max_lag: 3,
      total_lag: 4,
      max_lag_topic_name: 't',
      max_lag_partition_id: 1,
      max_lag_consumer_id: '',
    });
    for (const link of ['max_lag_consumer', 'max_lag_partition']) {
      const { status } = await api.ask('GET', summary.json[link].related.replace(ORIGIN, ''));
      expect(status).toBe(200);
    }
  });

  it('are 404 where nothing is committed', async () => {
    const api = await filled();
    for (const path of ['/lags/t/partitions/2', '/lags/u/partitions/0', '/lags/t/partitions/-1']) {
      expect((await api.get(`/g${path}`)).status).toBe(404);
    }
    await api.groups.deleteOffsets(
      'g',
      [0, 1].map((partition) => ({ topic: 't', partition })),
      api.newCall(),
    );
    for (const path of ['/lags', '/lag-summary']) {
      expect(await api.get(`/g${path}`)).toMatchObject({ status: 404, json: { error_code: 404 } });
    }
  });
});

describe('positions over HTTP', () => {
  const reset = (api: Filled, data: unknown, group = 'g'): Promise<Answered> =>
    api.ask('POST', `${api.base}/${group}/offsets:reset`, { headers, body: { data } });
  const offsetsIn = ({ json }: Answered): number[][] =>
    json.data.map((one: { partition_id: number; offset: number }) => [one.partition_id, one.offset]);

  it('are read', async () => {
    const api = await filled();
    expect((await api.get('/g/offsets')).json).toMatchObject({
      kind: 'KafkaConsumerGroupOffsetList',
      data: [
        { topic_name: 't', partition_id: 0, offset: 2, leader_epoch: null, commit_metadata: 'here' },
        { topic_name: 't', partition_id: 1, offset: 0, leader_epoch: 0, commit_metadata: '' },
      ],
    });
    expect((await api.get('/none/offsets')).json.data).toEqual([]);
  });

  it('are moved to an end, an offset or a time, in one partition or all', async () => {
    const api = await filled();
    expect(offsetsIn(await reset(api, [{ topic_name: 't', to: 'LATEST' }]))).toEqual([
      [0, 3],
      [1, 3],
    ]);
    expect(offsetsIn(await reset(api, [{ topic_name: 't', partition_id: 1, to: 'EARLIEST' }]))).toEqual([
      [1, 0],
    ]);
    const several = [
      { topic_name: 't', partition_id: 0, offset: 1 },
      { topic_name: 'u', partition_id: 0, timestamp: '2000-01-01T00:00:00Z' },
    ];
    expect(offsetsIn(await reset(api, several))).toEqual([
      [0, 1],
      [0, 0],
    ]);
    expect(offsetsIn(await api.get('/g/offsets'))).toEqual([
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
    expect(offsetsIn(await reset(api, [{ topic_name: 'u', to: 'LATEST' }], 'new'))).toEqual([[0, 3]]);
  });

  it.each([
    [[{ topic_name: 't', partition_id: 0, offset: 4 }], 400, 'OFFSET_OUT_OF_RANGE'],
    [[{ topic_name: 't', partition_id: 0, offset: -1 }], 400, 'OFFSET_OUT_OF_RANGE'],
    [[{ topic_name: 't', partition_id: 2, to: 'LATEST' }], 404, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [[{ topic_name: 'none', to: 'LATEST' }], 404, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [[{ topic_name: 't', partition_id: 0 }], 422, 'INVALID_REQUEST'],
    [[{ topic_name: 't', to: 'LATEST', offset: 1 }], 422, 'INVALID_REQUEST'],
    [[{ topic_name: 't', timestamp: 'yesterday' }], 422, 'INVALID_REQUEST'],
    [[{ topic_name: 't', to: 'latest' }], 422, 'INVALID_REQUEST'],
    [[{ topic_name: 't', partition_id: 0, offset: 0.5 }], 422, 'INVALID_REQUEST'],
    ['all', 422, 'INVALID_REQUEST'],
  ])('are not moved by %j', async (data, status, kafkaError) => {
    const api = await filled();
    const entries = Array.isArray(data) ? [{ topic_name: 'u', to: 'LATEST' }, ...data] : data;
    expect(await reset(api, entries)).toMatchObject({ status, json: { kafka_error: kafkaError } });
    expect(offsetsIn(await api.get('/g/offsets'))).toEqual([
      [0, 2],
      [1, 0],
    ]);
  });

  it('are forgotten one by one', async () => {
    const api = await filled();
    const { status } = await api.ask('DELETE', `${api.base}/g/offsets/t/partitions/0`);
    expect(status).toBe(204);
    expect(offsetsIn(await api.get('/g/offsets'))).toEqual([[1, 0]]);
    expect((await api.ask('DELETE', `${api.base}/none/offsets/t/partitions/0`)).status).toBe(404);
    expect((await api.ask('DELETE', `${api.base}/g/offsets/t/partitions/x`)).status).toBe(404);
  });
});
