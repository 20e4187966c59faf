import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../lib/open-log.ts';
import { openRegion } from '../../../lib/open-region.ts';
import { memoryStorage } from '../../support/log-on-memory.ts';
import { type Answered, type Api, newTopic, openApi, produce } from './support.ts';

async function filled(): Promise<Api & { region(method: string, action?: string): Promise<Answered> }> {
  const storage = memoryStorage();
  const api = await openApi({ storage, region: openRegion(engineParts(storage)) });
  await newTopic(api, 't', 2);
  await produce(api, '/topics/t/partitions/1', [{ value: 1 }]);
  const base = `/v3/clusters/${api.log.clusterId}/region`;
  return { ...api, region: (method, action = '') => api.ask(method, base + action) };
}

describe('a region over HTTP', () => {
  it('is frozen, shown and thawed', async () => {
    const api = await filled();
    const open = { state: 'OPEN', partitions_count: 2, closed_partitions_count: 0, is_complete: true };
    expect(await api.region('GET')).toMatchObject({
      status: 200,
      json: { kind: 'MillraceRegion', cluster_id: api.log.clusterId, since_ms: null, ...open },
    });
    const frozen = { state: 'FROZEN', partitions_count: 2, closed_partitions_count: 2, is_complete: true };
    expect(await api.region('POST', ':freeze')).toMatchObject({ status: 200, json: frozen });
    expect(await api.region('GET')).toMatchObject({ json: frozen });
    expect(await api.region('POST', ':thaw')).toMatchObject({ status: 200, json: open });
    expect((await produce(api, '/topics/t/partitions/1', [{ value: 2 }])).json.offsets[0].offset).toBe(1);
  });

  it.each(['/topics/t', '/topics/t/partitions/1'])(
    'answers a produce to %s while it is frozen that it is, and to come again',
    async (target) => {
      const api = await filled();
      await api.region('POST', ':freeze');
      const answer = await produce(api, target, [{ value: 2 }]);
      expect(answer.status).toBe(503);
      expect(answer.headers['Retry-After']).toBe('1');
      expect(answer.text).toContain('its region is frozen until it is thawed');
      expect(await api.recordCount('t')).toBe(1);
    },
  );

  it('tells what it cost', async () => {
    const api = await filled();
    expect((await api.region('POST', ':freeze')).headers['X-Millrace-Cost']).toContain('write-units=3');
  });

  it.each([
    ['POST', ''],
    ['GET', ':freeze'],
    ['DELETE', ':thaw'],
  ])('has no %s of region%s', async (method, action) => {
    expect((await (await filled()).region(method, action)).status).toBe(405);
  });

  it('cannot be frozen where that is not offered', async () => {
    const api = await openApi();
    const answer = await api.ask('POST', `/v3/clusters/${api.log.clusterId}/region:freeze`);
    expect(answer).toMatchObject({
      status: 404,
      json: { message: 'The region cannot be frozen from here.' },
    });
  });
});
