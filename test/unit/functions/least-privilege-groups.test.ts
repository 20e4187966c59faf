import { beforeAll, describe, expect, it } from 'vitest';
import { observer } from '../../../functions/observer.ts';
import { pushFunction } from '../../../functions/push-function.ts';
import { type SweepFunctionReport, sweepFunction } from '../../../functions/sweep-function.ts';
import type { HttpHandler } from '../../../lib/http/handler.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, openLog } from '../../../lib/open-log.ts';
import { readPushSettings } from '../../../lib/push/push-settings.ts';
import { codecs, newCall } from '../../support/log-on-memory.ts';
import { clock, open, refusals, storage, storageOf } from './guarded-storage.ts';
import { lambdaContext } from './http-event-fixture.ts';

interface Asked {
  readonly status: number;
  readonly body: string;
}

const V2 = 'application/vnd.kafka.v2+json';
const V2_JSON = 'application/vnd.kafka.json.v2+json';
const handlers = new Map<string, HttpHandler>();

async function ask(
  name: string,
  request: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<Asked> {
  const [path = '', query = ''] = request.path.split('?');
  const isProduce = path.startsWith('/topics');
  const answer = await handlers.get(name)?.(
    {
      method: request.method,
      path,
      query,
      headers: {
        accept: path.endsWith('/records') ? V2_JSON : '*/*',
        ...(request.body === undefined
          ? {}
          : { 'content-type': isProduce ? V2_JSON : path.startsWith('/v3') ? 'application/json' : V2 }),
        ...request.headers,
      },
      body: request.body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(request.body)),
    },
    { call: newCall(storage.clock) },
  );
  return { status: answer?.status ?? 0, body: String(answer?.body) };
}

async function expectAnswer(
  name: string,
  status: number,
  request: Parameters<typeof ask>[1],
): Promise<Asked> {
  const answer = await ask(name, request);
  expect(refusals).toEqual([]);
  expect(answer.status, answer.body).toBe(status);
  return answer;
}

const sweep = (): Promise<SweepFunctionReport> =>
  sweepFunction({
    engine: async () => engineParts(storageOf('sweeper')),
    clock,
    observer: observer({ service: 'sweeper', logSampleRate: 0, random: () => 0 }),
  })({ job: 'sweep' }, lambdaContext(900_000));

describe('what groups and producers need is within the rights of the function that does it', () => {
  let v3 = '';
  beforeAll(async () => {
    handlers.set('admin', await open('admin', ['admin', 'produce', 'fetch']));
    const clusters = await ask('admin', { method: 'GET', path: '/v3/clusters' });
    const { data } = JSON.parse(clusters.body) as { data: { cluster_id: string }[] };
    v3 = `/v3/clusters/${data[0]?.cluster_id}`;
    const body = { topic_name: 't', partitions_count: 2 };
    expect((await ask('admin', { method: 'POST', path: `${v3}/topics`, body })).status).toBe(201);
    handlers.set('produce', await open('produce', ['produce']));
    handlers.set('groups', await open('groups', ['groups']));
  });

  const produce = (
    value: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Parameters<typeof ask>[1] => ({
    method: 'POST',
    path: '/topics/t/partitions/0',
    body: { records: [{ value }] },
    headers,
  });

  it('produce: gives out ids of producers, and stores what they send, from several processes', async () => {
    const { body } = await expectAnswer('produce', 200, { method: 'POST', path: '/producer-ids' });
    const { producer_id } = JSON.parse(body) as { producer_id: number };
    for (let sequence = 0; sequence < LIMITS.producerReplayChunksMax + 4; sequence += 1) {
      const headers = {
        'millrace-producer-id': String(producer_id),
        'millrace-producer-epoch': '0',
        'millrace-sequence': String(sequence),
      };
      // Every so often a process that knows nothing, which has to put a snapshot in the end.
      if (sequence % 64 === 0) handlers.set('produce', await open('produce', ['produce']));
      await expectAnswer('produce', 200, produce(sequence, headers));
    }
  });

  it.each([
    ['POST', 200, '/consumers/g', { name: 'i', format: 'json', 'auto.offset.reset': 'earliest' }],
    ['POST', 204, '/consumers/g/instances/i/subscription', { topics: ['t'] }],
    ['GET', 200, '/consumers/g/instances/i/subscription', undefined],
    ['GET', 200, '/consumers/g/instances/i/records?timeout=0', undefined],
    ['POST', 200, '/consumers/g/instances/i/offsets', undefined],
    ['GET', 200, '/consumers/g/instances/i/assignments', undefined],
    ['GET', 200, 'v3/consumer-groups', undefined],
    ['GET', 200, 'v3/consumer-groups/g', undefined],
    ['GET', 200, 'v3/consumer-groups/g/lags', undefined],
    ['DELETE', 204, '/consumers/g/instances/i', undefined],
  ] as const)('groups: %s answers %i at %s', async (method, status, path, body) => {
    const whole = path.startsWith('v3') ? `${v3}${path.slice(2)}` : path;
    await expectAnswer('groups', status, { method, path: whole, ...(body === undefined ? {} : { body }) });
  });

  it('pusher: joins, sends, commits and leaves', async () => {
    const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
    const [settings] = readPushSettings([{ group: 'pushed', topics: ['t'], functionArn, lingerSeconds: 0 }]);
    if (settings === undefined) throw new Error('no settings');
    const own = storageOf('pusher');
    const log = await openLog({ ...own, clusterId: 'c'.repeat(22) }, newCall(clock));
    const parts = { log, groups: openGroups(engineParts(own), log), codecs, random: own.random };
    let calls = 0;
    const handler = pushFunction({
      open: async () => parts,
      invoker: () => async () => {
        calls += 1;
        return { kind: 'answered', answer: null };
      },
      bury: async () => undefined,
      settings,
      clock,
      observer: observer({ service: 'pusher', logSampleRate: 0, random: () => 0 }),
    });
    const report = await handler({}, lambdaContext(900_000));
    expect(refusals).toEqual([]);
    expect(report).toMatchObject({ joined: true, faults: 0, failures: 0 });
    expect(calls).toBeGreaterThan(0);
  });

  it('sweeper: ends groups that nobody is in, with all that is theirs', async () => {
    await expectAnswer('groups', 200, { method: 'POST', path: '/consumers/g', body: { name: 'gone' } });
    const body = { topics: ['t'] };
    await expectAnswer('groups', 204, {
      method: 'POST',
      path: '/consumers/g/instances/gone/subscription',
      body,
    });
    clock.advance(LIMITS.offsetsRetentionMs + 2 * 86_400_000);
    // The member that has died is expelled first, and from then on the group is empty.
    expect((await sweep()).groups).toMatchObject({ expiredCount: 1 });
    clock.advance(LIMITS.offsetsRetentionMs + 2 * 86_400_000);
    const { groups } = await sweep();
    expect(refusals).toEqual([]);
    expect(groups).toMatchObject({ expiredCount: 1, isComplete: true });
    // Once to see that they have been given up, and again when nothing of theirs can arrive any more.
    for (const waitingCount of [1, 0]) {
      clock.advance(86_400_000);
      expect((await sweep()).groups).toMatchObject({ waitingCount, isComplete: true });
      expect(refusals).toEqual([]);
    }
    for (const pk of ['groups', 'forgotten']) {
      const { items } = await storage.catalog.query(pk, { limit: 1, consistent: true }, newCall(clock));
      expect(items, pk).toEqual([]);
    }
  });

  it('and the guard does refuse what is outside of them', async () => {
    const item = { pk: 'group#g', sk: 'group', version: 'v', attributes: {} };
    const put = storageOf('fetch').catalog.put(item, { condition: { kind: 'ifAbsent' } }, newCall(clock));
    await expect(put).rejects.toThrow('fetch may not: catalog PutItem group#g');
    const hot = { pk: 'a:0', sk: 0, version: 'v', attributes: {} };
    const append = storageOf('groups').hot.put(hot, { condition: { kind: 'ifAbsent' } }, newCall(clock));
    await expect(append).rejects.toThrow('groups may not: hot PutItem a:0');
  });
});
