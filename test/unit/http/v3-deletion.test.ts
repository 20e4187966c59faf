import { describe, expect, it } from 'vitest';
import { type Answered, type Api, newTopic, openApi, produce } from './support.ts';

interface Filled extends Api {
  remove(body: unknown, place?: string): Promise<Answered>;
}

/** Topic `t` with the records 0, 1 and 2 in its only partition. */
async function filled(): Promise<Filled> {
  const api = await openApi();
  await newTopic(api, 't');
  await produce(api, '/topics/t/partitions/0', [{ value: 0 }, { value: 1 }, { value: 2 }]);
  const base = `/v3/clusters/${api.log.clusterId}/topics`;
  const headers = { 'content-type': 'application/json' };
  return {
    ...api,
    remove: (body, place = 't/partitions/0') =>
      api.ask('POST', `${base}/${place}/records:delete`, { headers, body }),
  };
}

const JSON_RECORDS = { accept: 'application/vnd.kafka.json.v2+json' };

describe('deleting records over HTTP', () => {
  it('answers where the partition begins now, and every other route agrees', async () => {
    const api = await filled();
    const deleted = await api.remove({ offset: 1 });
    expect(deleted).toMatchObject({
      status: 200,
      json: {
        kind: 'KafkaRecordsDeletion',
        topic_name: 't',
        partition_id: 0,
        log_start_offset: 1,
      },
    });
    const offset = await api.ask('GET', deleted.json.metadata.self.replace('http://millrace.test', ''));
    expect(offset.json).toMatchObject({ earliest_offset: 1, latest_offset: 3 });
    expect((await api.ask('GET', '/topics/t/partitions/0/offsets')).json).toEqual({
      beginning_offset: 1,
      end_offset: 3,
    });
    const records = '/topics/t/partitions/0/records?timeout=0&offset=';
    const read = await api.ask('GET', `${records}1`, { headers: JSON_RECORDS });
    expect(read.json.map((record: { value: number }) => record.value)).toEqual([1, 2]);
    expect(read.headers['X-Log-Start-Offset']).toBe('1');
    const below = await api.ask('GET', `${records}0`, { headers: JSON_RECORDS });
    expect(below).toMatchObject({ status: 400, json: { kafka_error: 'OFFSET_OUT_OF_RANGE' } });
    expect(below.json.message).toContain('it begins at 1 and ends at 3');
  });

  it('empties the partition with -1', async () => {
    const api = await filled();
    expect((await api.remove({ offset: -1 })).json.log_start_offset).toBe(3);
    expect((await api.remove({ offset: 2 })).json.log_start_offset).toBe(3);
  });

  it.each([
    [{ offset: 4 }, 't/partitions/0', 400, 40002],
    [{ offset: -2 }, 't/partitions/0', 400, 40002],
    [{ offset: 1.5 }, 't/partitions/0', 422, 42206],
    [{ offset: '1' }, 't/partitions/0', 422, 42206],
    [{ offset: 1, timeout: 5 }, 't/partitions/0', 422, 42206],
    [{}, 't/partitions/0', 422, 42206],
    [undefined, 't/partitions/0', 422, 42206],
    [{ offset: 1 }, 't/partitions/1', 404, 40403],
    [{ offset: 1 }, 't/partitions/x', 404, 404],
    [{ offset: 1 }, 'u/partitions/0', 404, 40403],
  ])('%j for %s is refused and deletes nothing', async (body, place, status, restCode) => {
    const api = await filled();
    expect(await api.remove(body, place)).toMatchObject({ status, json: { error_code: restCode } });
    expect((await api.ask('GET', '/topics/t/partitions/0/offsets')).json.beginning_offset).toBe(0);
  });

  it('is refused for a topic that is only compacted', async () => {
    const api = await filled();
    const base = `/v3/clusters/${api.log.clusterId}/topics/t/configs/cleanup.policy`;
    const headers = { 'content-type': 'application/json' };
    expect((await api.ask('PUT', base, { headers, body: { value: 'compact' } })).status).toBe(204);
    expect(await api.remove({ offset: 1 })).toMatchObject({
      status: 400,
      json: { kafka_error: 'POLICY_VIOLATION' },
    });
  });
});
