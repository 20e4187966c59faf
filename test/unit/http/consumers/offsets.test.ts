import { describe, expect, it } from 'vitest';
import { type Api, openApi } from '../support.ts';
import { fill, filled, type Instance, JSON_TYPE, newInstance } from './support.ts';

const place = { topic: 't', partition: 0 };
const MANUAL = { 'auto.commit.enable': false };

async function subscribed(api: Api, config: object = MANUAL): Promise<Instance> {
  const instance = await newInstance(api, { config });
  await instance.subscribe('t');
  return instance;
}

describe('committing what a client names', () => {
  it('means the last record processed for clients of the REST Proxy', async () => {
    const instance = await subscribed(await filled());
    const answer = await instance.post('offsets', { offsets: [{ ...place, offset: 1, metadata: 'm' }] });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'Content-Type': 'application/vnd.kafka.v2+json' },
      json: [],
    });
    const committed = await instance.get('offsets?partitions=t:0');
    expect(committed.json).toEqual({ offsets: [{ ...place, offset: 2, metadata: 'm' }] });
  });

  it('means the next record for clients of the Strimzi Bridge', async () => {
    const instance = await subscribed(await filled(), { 'enable.auto.commit': false });
    expect((await instance.post('offsets', { offsets: [{ ...place, offset: 1 }] })).status).toBe(204);
    expect(await instance.committed()).toEqual({ 0: 1 });
  });

  it('means the next record for clients of Redpanda, who name the list partitions', async () => {
    const instance = await subscribed(await filled());
    expect((await instance.post('offsets', { partitions: [{ ...place, offset: 1 }] })).status).toBe(204);
    expect(await instance.committed()).toEqual({ 0: 1 });
  });

  it('means what the deployment says, if it says so', async () => {
    const instance = await subscribed(await filled({ api: await openApi({ dialect: 'strimzi' }) }));
    expect((await instance.post('offsets', { offsets: [{ ...place, offset: 1 }] })).status).toBe(204);
    expect(await instance.committed()).toEqual({ 0: 1 });
  });

  it('does not move what is read next', async () => {
    const instance = await subscribed(await filled());
    await instance.post('offsets', { offsets: [{ ...place, offset: 1 }] });
    expect((await instance.read()).length).toBe(3);
  });

  it.each<[string, unknown, number, number, string]>([
    ['beyond the end', { offsets: [{ ...place, offset: 3 }] }, 400, 40002, 'OFFSET_OUT_OF_RANGE'],
    [
      'beyond every end',
      { offsets: [{ ...place, offset: Number.MAX_SAFE_INTEGER }] },
      400,
      40002,
      'OFFSET_OUT_OF_RANGE',
    ],
    ['below 0', { offsets: [{ ...place, offset: -1 }] }, 422, 422, 'INVALID_REQUEST'],
    [
      'of an unknown topic',
      { offsets: [{ topic: 'u', partition: 0, offset: 0 }] },
      404,
      40403,
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'of an unknown partition',
      { offsets: [{ topic: 't', partition: 9, offset: 0 }] },
      404,
      40403,
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'with too long a note',
      { offsets: [{ ...place, offset: 0, metadata: 'm'.repeat(4_097) }] },
      422,
      42206,
      'OFFSET_METADATA_TOO_LARGE',
    ],
    ['in two lists', { offsets: [], partitions: [] }, 422, 422, 'INVALID_REQUEST'],
    [
      'with a member too many',
      { offsets: [{ ...place, offset: 0, leader: 1 }] },
      422,
      422,
      'INVALID_REQUEST',
    ],
    ['as text', { offsets: [{ ...place, offset: '0' }] }, 422, 422, 'INVALID_REQUEST'],
  ])('is refused %s, and nothing is committed', async (_what, body, status, restCode, kafkaError) => {
    const api = await filled();
    const instance = await subscribed(api);
    const answer = await instance.post('offsets', body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode, kafka_error: kafkaError } });
    expect(await api.groups.committed('g', undefined, api.newCall())).toEqual([]);
  });

  it('is refused to one that does not own the partition, and to one outside of a group with members', async () => {
    const api = await filled({ partitions: 2 });
    const first = await subscribed(api);
    const second = await subscribed(api);
    await first.read();
    await first.read();
    const [own = ''] = await first.assignments();
    const partition = Number(own.slice(2));
    const offsets = [{ topic: 't', partition, offset: 0 }];
    expect(await second.post('offsets', { offsets })).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'STALE_MEMBER_EPOCH' },
    });
    const outside = await newInstance(api);
    await outside.assign(['t', 0]);
    expect(await outside.post('offsets', { offsets })).toMatchObject({
      status: 409,
      json: { error_code: 40903, kafka_error: 'UNKNOWN_MEMBER_ID' },
    });
    expect(await api.groups.committed('g', undefined, api.newCall())).toEqual([]);
    expect((await first.post('offsets', { offsets })).status).toBe(200);
  });
});

describe('committing everything that was read', () => {
  it.each([undefined, {}, { offsets: null }])('with the body %j', async (body) => {
    const instance = await subscribed(await filled({ partitions: 2 }));
    await instance.read('&max_bytes=1');
    await instance.read();
    const answer = await instance.post('offsets', body);
    expect(answer).toMatchObject({ status: 200, json: [] });
    expect(await instance.committed()).toEqual({ 0: 3, 1: 3 });
  });

  it('commits nothing for an empty list', async () => {
    const instance = await subscribed(await filled());
    await instance.read();
    expect((await instance.post('offsets', { offsets: [] })).status).toBe(200);
    expect(await instance.committed()).toEqual({});
  });
});

describe('auto commit', () => {
  it('commits with a read what the read before it answered', async () => {
    const api = await filled();
    const instance = await subscribed(api, {});
    await instance.read();
    expect(await instance.committed()).toEqual({ 0: 0 });
    await fill(api, 0, 1);
    await instance.read();
    expect(await instance.committed()).toEqual({ 0: 3 });
    await instance.read();
    expect(await instance.committed()).toEqual({ 0: 4 });
  });

  it('commits the rest when the instance is deleted', async () => {
    const api = await filled();
    const instance = await subscribed(api, {});
    await instance.read();
    await instance.delete();
    const next = await subscribed(api, {});
    expect(await next.read()).toEqual([]);
    expect(await next.committed()).toEqual({ 0: 3 });
  });

  it('of an instance that dies leaves what it was answered last to the next one', async () => {
    const api = await filled();
    const instance = await newInstance(api, { config: { name: 'n' } });
    await instance.assign(['t', 0]);
    await instance.read('&max_bytes=1');
    await instance.read();
    const next = await newInstance(api);
    await next.assign(['t', 0]);
    expect(await next.read()).toEqual(['t:0:1=1', 't:0:2=2']);
  });

  it('is not done for those who do without', async () => {
    const api = await filled();
    const instance = await subscribed(api);
    await instance.read();
    await instance.read();
    await instance.delete();
    expect(await api.groups.committed('g', undefined, api.newCall())).toEqual([]);
  });

  it('commits a position that was sought', async () => {
    const instance = await subscribed(await filled(), {});
    await instance.read();
    await instance.read();
    await instance.post('positions', { offsets: [{ ...place, offset: 1 }] });
    await instance.read();
    expect(await instance.committed()).toEqual({ 0: 1 });
  });
});

describe('asking what is committed', () => {
  it('takes the partitions from the query, a body, or all that the instance reads', async () => {
    const api = await filled({ partitions: 3 });
    const instance = await subscribed(api);
    await instance.post('offsets', {
      partitions: [
        { ...place, offset: 2 },
        { ...place, partition: 1, offset: 1 },
      ],
    });
    const partitions = [place, { topic: 't', partition: 2 }];
    const own = [{ ...place, offset: 2, metadata: '' }];
    const both = [...own, { topic: 't', partition: 1, offset: 1, metadata: '' }];

    const withBody = await api.ask('GET', `${instance.path}/offsets`, {
      headers: JSON_TYPE,
      body: { partitions },
    });
    expect(withBody.json).toEqual({ offsets: own });
    expect((await instance.post('offsets:query', { partitions })).json).toEqual({ offsets: own });
    expect((await instance.get('offsets?partitions=t:0,%20t:2')).json).toEqual({ offsets: own });
    expect((await instance.get('offsets')).json).toEqual({ offsets: both });
  });

  it.each(['partitions=', 'partitions=t', 'partitions=t:x', 'partitions=t:0,', 'partitions=:0'])(
    '?%s is refused',
    async (query) => {
      const instance = await subscribed(await filled());
      expect(await instance.get(`offsets?${query}`)).toMatchObject({
        status: 400,
        json: { error_code: 40002, kafka_error: 'INVALID_REQUEST' },
      });
    },
  );
});
