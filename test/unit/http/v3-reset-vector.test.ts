import { describe, expect, it } from 'vitest';
import { batchOf, memoryStorage } from '../../support/log-on-memory.ts';
import { type Answered, openApi } from './support.ts';

const headers = { 'content-type': 'application/json' };

/** Region `east`, with three records in the only partition of `orders`. */
async function east() {
  const translation = { region: 'east', translate: async () => [] };
  const api = await openApi({ storage: memoryStorage(), translation });
  await api.log.createTopic({ name: 'orders', partitionCount: 1 }, api.newCall());
  const batches = batchOf('a', 'b', 'c');
  await api.log.produce({ topic: 'orders', partition: 0, batches }, api.newCall());
  const path = `/v3/clusters/${api.log.clusterId}/consumer-groups/g/offsets:reset`;
  return {
    reset: (entry: object): Promise<Answered> =>
      api.ask('POST', path, {
        headers,
        body: { data: [{ topic_name: 'orders', partition_id: 0, ...entry }] },
      }),
    shown: async () =>
      (await api.ask('GET', `/v3/clusters/${api.log.clusterId}/consumer-groups/g/offsets`)).json.data[0],
    vector: async () => (await api.groups.committed('g', undefined, api.newCall()))[0]?.vector,
  };
}

describe('a position that is moved over HTTP', () => {
  it('takes with it what has been read behind it, every region by its alias', async () => {
    const { reset, vector, shown } = await east();
    const read = [
      { region: 'east', offset: 2 },
      { region: 'west', offset: 7 },
    ];
    expect(await reset({ offset: 1, vector: read })).toMatchObject({
      status: 200,
      json: { data: [{ offset: 1 }] },
    });
    expect(await vector()).toEqual(
      new Map([
        ['', 2],
        ['west', 7],
      ]),
    );
    expect((await shown()).vector).toEqual([
      { region: '', offset: 2 },
      { region: 'west', offset: 7 },
    ]);
    expect((await reset({ offset: 1 })).status).toBe(200);
    expect(await shown()).not.toHaveProperty('vector');
    expect(await vector()).toBeUndefined();
  });

  it('is refused with what has not been there, and with a vector that belongs to no offset', async () => {
    const { reset, vector } = await east();
    expect(await reset({ offset: 1, vector: [{ region: 'east', offset: 4 }] })).toMatchObject({
      status: 400,
      json: { kafka_error: 'OFFSET_OUT_OF_RANGE' },
    });
    expect((await reset({ to: 'LATEST', vector: [{ region: 'west', offset: 4 }] })).status).toBe(422);
    expect((await reset({ offset: 1, vector: [{ region: 'west', offset: -4 }] })).status).toBe(422);
    // In another partition others have been read.
    const everywhere = { partition_id: null, offset: 1, vector: [{ region: 'west', offset: 4 }] };
    expect((await reset(everywhere)).status).toBe(422);
    expect((await reset({ ...everywhere, partition_id: undefined })).status).toBe(422);
    expect(await vector()).toBeUndefined();
  });
});
