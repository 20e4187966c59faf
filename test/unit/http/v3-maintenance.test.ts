import { describe, expect, it } from 'vitest';
import { JOBS } from '../../../lib/jobs.ts';
import { type Answered, type Api, newTopic, openApi, produce } from './support.ts';

async function filled(): Promise<Api & { run(body: unknown, topic?: string): Promise<Answered> }> {
  const api = await openApi();
  await newTopic(api, 't', 2);
  await produce(api, '/topics/t/partitions/1', [{ value: 1 }, { value: 2 }]);
  const headers = { 'content-type': 'application/json' };
  const base = `/v3/clusters/${api.log.clusterId}/topics`;
  const configs = `${base}/t/configs/segment.bytes`;
  await api.ask('PUT', configs, { headers, body: { value: '14' } });
  return {
    ...api,
    run: (body, topic = 't') => api.ask('POST', `${base}/${topic}/maintenance:run`, { headers, body }),
  };
}

describe('running jobs over HTTP', () => {
  it('answers what was done, by partition and in all, and what it cost', async () => {
    const api = await filled();
    const sealed = await api.run({ job: 'seal' });
    expect(sealed).toMatchObject({
      status: 200,
      json: {
        kind: 'MillraceMaintenanceRun',
        cluster_id: api.log.clusterId,
        topic_name: 't',
        job: 'seal',
        is_complete: true,
        counts: { sealedCount: 1 },
        partitions: [
          { partition_id: 0, counts: { sealedCount: 0 } },
          { partition_id: 1, counts: { sealedCount: 1 } },
        ],
        findings: [],
      },
    });
    expect(sealed.headers['X-Millrace-Cost']).toContain('write-units=1, ');
    expect(await api.recordCount('t')).toBe(2);
  });

  it.each(JOBS)('%s can be run, and leaves a fresh log as it is', async (job) => {
    const api = await filled();
    expect(await api.run({ job })).toMatchObject({
      status: 200,
      json: { job, is_complete: true, findings: [] },
    });
    expect(await api.recordCount('t')).toBe(2);
  });

  it.each([
    [{ job: 'explode' }, 't', 422, 42206],
    [{ job: 1 }, 't', 422, 42206],
    [{ job: 'seal', force: true }, 't', 422, 42206],
    [{}, 't', 422, 42206],
    [undefined, 't', 422, 42206],
    [{ job: 'seal' }, 'u', 404, 40403],
    [{ job: 'sweep' }, 'u', 404, 40403],
  ])('%j for topic %s is refused', async (body, topic, status, restCode) => {
    const api = await filled();
    expect(await api.run(body, topic)).toMatchObject({ status, json: { error_code: restCode } });
  });

  it('is not there where nothing can run jobs', async () => {
    const api = await openApi({ maintenance: undefined } as never);
    await newTopic(api, 't');
    const path = `/v3/clusters/${api.log.clusterId}/topics/t/maintenance:run`;
    const headers = { 'content-type': 'application/json' };
    expect((await api.ask('POST', path, { headers, body: { job: 'seal' } })).status).toBe(404);
  });
});
