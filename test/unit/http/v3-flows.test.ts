import { describe, expect, it } from 'vitest';
import type { FlowDescription, Flows } from '../../../lib/flows.ts';
import { openFlows } from '../../../lib/open-flows.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { memoryStorage } from '../../support/log-on-memory.ts';
import { type Answered, type Api, openApi, withMethods } from './support.ts';

const headers = { 'content-type': 'application/json' };

interface East extends Api {
  readonly base: string;
  flows(method: string, path?: string, body?: unknown): Promise<Answered>;
}

/** Region `east`, which knows `west` and `north`. */
async function east(methods: Partial<Flows> = {}): Promise<East> {
  const storage = memoryStorage();
  const parts = engineParts(storage);
  const others = new Map(['west', 'north'].map((alias) => [alias, engineParts(memoryStorage())]));
  const flows = openFlows(parts, { region: 'east', sources: async (alias) => others.get(alias) });
  const api = await openApi({ storage, flows: withMethods(flows, methods) });
  const base = `/v3/clusters/${api.log.clusterId}/flows`;
  const ask: East['flows'] = (method, path = '', body = undefined) =>
    api.ask(method, base + path, body === undefined ? {} : { headers, body });
  return { ...api, base, flows: ask };
}

describe('flows over HTTP', () => {
  it('are created with defaults that their answer shows, and found where the answer says', async () => {
    const api = await east();
    const created = await api.flows('POST', '', { source_region: 'west' });
    expect(created).toMatchObject({
      status: 201,
      json: {
        kind: 'MillraceFlow',
        source_region: 'west',
        target_region: 'east',
        state: 'RUNNING',
        policy: 'prefixed',
        separator: '.',
        topics: ['.*'],
        topics_exclude: [],
        groups: ['.*'],
        groups_exclude: [],
        start: { to: 'EARLIEST' },
        progress: null,
      },
    });
    expect(created.headers.Location).toBe(`http://millrace.test${api.base}/west`);
    expect((await api.flows('GET', '/west')).json).toEqual(created.json);
    expect((await api.flows('GET')).json).toMatchObject({ kind: 'MillraceFlowList', data: [created.json] });
  });

  it('keep all that they are created with', async () => {
    const api = await east();
    const wish = {
      source_region: 'north',
      policy: 'identity',
      separator: '-',
      topics: ['orders.*', 'paid'],
      topics_exclude: ['.*-tmp'],
      groups: ['billing'],
      groups_exclude: ['billing-test'],
    };
    for (const start of [{ to: 'LATEST' }, { offset: 7 }, { timestamp: '2026-01-31T12:00:00.000Z' }]) {
      expect(await api.flows('POST', '', { ...wish, start })).toMatchObject({
        status: 201,
        json: { ...wish, start },
      });
      expect((await api.flows('DELETE', '/north')).status).toBe(204);
    }
  });

  it('are paused and resumed', async () => {
    const api = await east();
    await api.flows('POST', '', { source_region: 'west' });
    for (const state of ['PAUSED', 'PAUSED', 'RUNNING']) {
      expect(await api.flows('PATCH', '/west', { state })).toMatchObject({ status: 200, json: { state } });
      expect((await api.flows('GET', '/west')).json.state).toBe(state);
    }
  });

  it('are told which lost regions they relay, and of none', async () => {
    const api = await east();
    await api.flows('POST', '', { source_region: 'west', policy: 'merged', relays: ['north'] });
    expect((await api.flows('GET', '/west')).json.relays).toEqual(['north']);
    const both = { state: 'PAUSED', relays: [] };
    expect(await api.flows('PATCH', '/west', both)).toMatchObject({ status: 200, json: both });
    expect(await api.flows('PATCH', '/west', { relays: ['north'] })).toMatchObject({
      status: 200,
      json: { state: 'PAUSED', relays: ['north'] },
    });
  });

  it.each([
    [{ relays: ['east'] }, 400, 40002, 'here already'],
    [{ relays: ['west'] }, 400, 40002, 'without a relay'],
    [{ relays: ['north', 'north'] }, 400, 40002, 'once'],
    [{ relays: ['south'], state: 'PAUSED' }, 400, 40002, "knows no region 'south'"],
    [{ relays: 'north' }, 422, 42206, 'relays'],
    [{}, 422, 422, 'state or relays'],
  ])('are not changed by %j', async (body, status, restCode, text) => {
    const api = await east();
    await api.flows('POST', '', { source_region: 'west', policy: 'merged' });
    const answer = await api.flows('PATCH', '/west', body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode } });
    expect(answer.json.message).toContain(text);
    expect((await api.flows('GET', '/west')).json).toMatchObject({ state: 'RUNNING', relays: [] });
  });

  it('relay nothing unless they are merged', async () => {
    const api = await east();
    await api.flows('POST', '', { source_region: 'west' });
    const answer = await api.flows('PATCH', '/west', { relays: ['north'] });
    expect(answer).toMatchObject({ status: 400, json: { kafka_error: 'INVALID_CONFIG' } });
  });

  it('are deleted', async () => {
    const api = await east();
    await api.flows('POST', '', { source_region: 'west' });
    expect((await api.flows('DELETE', '/west')).status).toBe(204);
    expect((await api.flows('GET', '/west')).status).toBe(404);
    expect((await api.flows('GET')).json.data).toEqual([]);
  });

  it('tell how far they have come; what is not known is null', async () => {
    const api = await east({
      describe: async () => ({ ...FLOW, progress: PROGRESS }) as FlowDescription,
    });
    expect((await api.flows('GET', '/west')).json.progress).toEqual({
      noted_ms: 1_000,
      lag_records: null,
      lag_ms: null,
      percent: 50,
      estimated_end_ms: 2_000,
      topics: [
        {
          source_topic_name: 't',
          topic_name: 'west.t',
          state: 'COPYING',
          reason: '',
          partitions: [
            { partition_id: 0, position: 5, source_end: 9, gap: { from: 1, to: 3 }, relays: [] },
            { partition_id: 1, position: null, source_end: null, gap: null, relays: [RELAYED] },
          ],
        },
      ],
    });
  });

  it.each([
    [{ source_region: 'south' }, 400, 40002, "knows no region 'south'"],
    [{ source_region: 'east' }, 400, 40002, 'into itself'],
    [{ source_region: 'west', topics: ['('] }, 400, 40002, "pattern '('"],
    [{ source_region: 'west', separator: '' }, 400, 40002, 'separator'],
    [{ source_region: 'west', policy: 'upside-down' }, 422, 42206, 'policy must be one of'],
    [{ source_region: 'west', start: {} }, 422, 422, 'one of to, offset and timestamp'],
    [{ source_region: 'west', start: { to: 'LATEST', offset: 1 } }, 422, 422, 'one of'],
    [{ source_region: 'west', start: { timestamp: 'noon' } }, 422, 422, 'RFC 3339'],
    [{ source_region: 'west', start: { offset: -1 } }, 422, 42206, 'start.offset must be at least 0'],
    [{ source_region: 'west', target: 'x' }, 422, 42206, 'not known here: target'],
    [{}, 422, 42206, 'source_region'],
    [undefined, 422, 42206, 'empty'],
  ])('are refused for %j', async (body, status, restCode, text) => {
    const api = await east();
    const answer = await api.flows('POST', '', body);
    expect(answer).toMatchObject({ status, json: { error_code: restCode } });
    expect(answer.json.message).toContain(text);
    expect((await api.flows('GET')).json.data).toEqual([]);
  });

  it('are refused twice from one region', async () => {
    const api = await east();
    await api.flows('POST', '', { source_region: 'west' });
    expect((await api.flows('POST', '', { source_region: 'west' })).status).toBe(400);
  });

  it.each([
    ['GET', undefined],
    ['PATCH', { state: 'PAUSED' }],
    ['DELETE', undefined],
  ])('that are not there are unknown to %s', async (method, body) => {
    const answer = await (await east()).flows(method, '/west', body);
    expect(answer).toMatchObject({ status: 404, json: { kafka_error: 'UNKNOWN_FLOW' } });
  });

  it('are not there where a deployment has no other regions, which is what is answered', async () => {
    const api = await openApi();
    const answer = await api.ask('GET', `/v3/clusters/${api.log.clusterId}/flows`);
    expect(answer).toMatchObject({ status: 404, json: { kafka_error: 'INVALID_REQUEST' } });
    expect(answer.json.message).toContain('knows of no other regions');
  });
});

describe('a remote topic over HTTP', () => {
  it('says what it is a copy of; a write to it is refused', async () => {
    const storage = memoryStorage();
    const api = await openApi({ storage });
    const topics = new TopicCatalog({ ...engineParts(storage), partitionCountDefault: 1 });
    const remote = { source: 'west', topic: 't', topicId: 'i', policy: 'prefixed', via: ['north'] } as const;
    await topics.create({ name: 'west.t', remote }, api.newCall());
    const topic = await api.ask('GET', `/v3/clusters/${api.log.clusterId}/topics/west.t`);
    expect(topic.json.remote).toEqual({
      source_region: 'west',
      topic_name: 't',
      topic_id: 'i',
      policy: 'prefixed',
      via_regions: ['north'],
    });
    const written = await api.ask('POST', '/topics/west.t/partitions/0', {
      headers: { 'content-type': 'application/vnd.kafka.json.v2+json' },
      body: { records: [{ value: 1 }] },
    });
    expect(written).toMatchObject({ status: 400, json: { kafka_error: 'POLICY_VIOLATION' } });
  });
});

const FLOW = {
  source: 'west',
  target: 'east',
  policy: 'prefixed',
  separator: '.',
  topics: ['.*'],
  topicsExclude: [],
  groups: ['.*'],
  groupsExclude: [],
  start: 'earliest',
  relays: [],
  state: 'RUNNING',
  createdMs: 1,
} as const;

const RELAY = {
  region: 'north',
  state: 'COPYING',
  reason: 'because',
  position: 2,
  sourceEnd: 8,
  gap: { from: 3, to: 4 },
} as const;
const RELAYED = {
  region: 'north',
  state: 'COPYING',
  reason: 'because',
  position: 2,
  source_end: 8,
  gap: { from: 3, to: 4 },
};

const PROGRESS = {
  notedMs: 1_000,
  lagRecords: -1,
  lagMs: -1,
  percent: 50,
  estimatedEndMs: 2_000,
  topics: [
    {
      sourceTopic: 't',
      topic: 'west.t',
      state: 'COPYING',
      reason: '',
      partitions: [
        { partition: 0, position: 5, sourceEnd: 9, gap: { from: 1, to: 3 } },
        { partition: 1, position: -1, sourceEnd: -1, relays: [RELAY] },
      ],
    },
  ],
} as const;
