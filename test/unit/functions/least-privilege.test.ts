import { beforeAll, describe, expect, it } from 'vitest';
import { observer } from '../../../functions/observer.ts';
import { type SweepFunctionReport, sweepFunction } from '../../../functions/sweep-function.ts';
import type { HttpHandler } from '../../../lib/http/handler.ts';
import { JOBS } from '../../../lib/jobs.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { runTask } from '../../../lib/segment/tasks/run-task.ts';
import { createTaskPlanner } from '../../../lib/segment/tasks/task-planner.ts';
import type { TaskJob } from '../../../lib/segment/tasks/tasks.ts';
import { newCall } from '../../support/log-on-memory.ts';
import { clock, open, refusals, storage, storageOf } from './guarded-storage.ts';
import { lambdaContext } from './http-event-fixture.ts';

const handlers = new Map<string, HttpHandler>();
let clusterId = '';

async function ask(
  handler: HttpHandler | undefined,
  request: { readonly method: string; readonly path: string; readonly body?: unknown; readonly key?: string },
): Promise<{ readonly status: number; readonly body: string }> {
  const [path = '', query = ''] = request.path.replace('{cluster}', clusterId).split('?');
  const answer = await handler?.(
    {
      method: request.method,
      path,
      query,
      headers: {
        'content-type': path.startsWith('/v3') ? 'application/json' : 'application/vnd.kafka.json.v2+json',
        ...(request.key === undefined ? {} : { 'idempotency-key': request.key }),
      },
      body: request.body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(request.body)),
    },
    { call: newCall(storage.clock) },
  );
  return { status: answer?.status ?? 0, body: String(answer?.body) };
}

const records = (...values: unknown[]): object => ({ records: values.map((value) => ({ value })) });
const V3 = '/v3/clusters/{cluster}';

describe('what the engine does is within the rights of the function that does it', () => {
  beforeAll(async () => {
    handlers.set('admin', await open('admin', ['admin', 'produce', 'fetch']));
    const clusters = await ask(handlers.get('admin'), { method: 'GET', path: '/v3/clusters' });
    clusterId = (JSON.parse(clusters.body) as { data: { cluster_id: string }[] }).data[0]?.cluster_id ?? '';
    handlers.set('produce', await open('produce', ['produce']));
    handlers.set('fetch', await open('fetch', ['fetch']));
  });

  // In this order: later steps build on earlier ones.
  const configs = [
    { name: 'segment.bytes', value: '1048576' },
    { name: 'retention.bytes', value: '1000' },
  ];
  const topic = { topic_name: 't', partitions_count: 2, configs };
  const large = 'x'.repeat(400_000);
  it.each([
    ['admin', 201, { method: 'POST', path: `${V3}/topics`, body: topic }],
    ['admin', 200, { method: 'PATCH', path: `${V3}/topics/t`, body: { partitions_count: 3 } }],
    [
      'admin',
      204,
      { method: 'PUT', path: `${V3}/topics/t/configs/retention.ms`, body: { value: '86400000' } },
    ],
    ['admin', 200, { method: 'GET', path: '/topics/t' }],
    ['produce', 200, { method: 'POST', path: '/topics/t/partitions/0', body: records('inline') }],
    ['produce', 200, { method: 'POST', path: '/topics/t', body: records('anywhere', 1, 2) }],
    ['produce', 200, { method: 'POST', path: '/topics/t/partitions/0', body: records('keyed'), key: 'k' }],
    ['produce', 200, { method: 'POST', path: '/topics/t/partitions/0', body: records('keyed'), key: 'k' }],
    ['produce', 200, { method: 'POST', path: '/topics/t/partitions/0', body: records(large, large, large) }],
    [
      'fetch',
      200,
      { method: 'GET', path: '/topics/t/partitions/0/records?offset=0&timeout=0&max_bytes=9000000' },
    ],
    [
      'fetch',
      200,
      { method: 'GET', path: '/topics/t/partitions/0/records?timestamp=0&timeout=0&max_bytes=100' },
    ],
    ['fetch', 200, { method: 'GET', path: '/topics/t/partitions/0/offsets' }],
    [
      'admin',
      200,
      { method: 'POST', path: '/topics/t/partitions/0/', body: records('by default', large), key: 'd' },
    ],
    [
      'admin',
      200,
      { method: 'POST', path: `${V3}/topics/t/partitions/1/records:delete`, body: { offset: -1 } },
    ],
    [
      'admin',
      200,
      { method: 'GET', path: '/topics/t/partitions/0/records/?offset=0&timeout=0&max_bytes=100' },
    ],
  ] as const)('%s: %i for %o', async (name, status, request) => {
    const answer = await ask(handlers.get(name), request);
    expect(refusals).toEqual([]);
    expect(answer.status, answer.body).toBe(status);
  });

  /** Plans with the planner's rights, and runs those tasks with the worker's; answers what they counted. */
  async function maintain(job: TaskJob): Promise<Readonly<Record<string, number>>> {
    const plan = await createTaskPlanner(engineParts(storageOf('planner'))).plan(newCall(clock));
    expect(plan).toMatchObject({ failures: [], isComplete: true });
    const total: Record<string, number> = {};
    for (const task of plan.tasks.filter((planned) => planned.job === job)) {
      const call = newCall(clock);
      const time = { lastStepMs: call.deadlineMs, call };
      const outcome = await runTask(engineParts(storageOf('worker')), task, time);
      const counts = outcome.kind === 'gone' ? {} : outcome.counts;
      for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
    }
    expect(refusals).toEqual([]);
    return total;
  }

  it('planner: finds what is to be sealed; worker: seals it', async () => {
    clock.advance(86_400_000);
    expect((await maintain('seal')).sealedCount).toBeGreaterThan(0);
  });

  it.each(['fetch', 'admin'])('%s: reads what has been sealed', async (name) => {
    const path = '/topics/t/partitions/0/records?offset=0&timeout=0&max_bytes=9000000';
    expect((await ask(handlers.get(name), { method: 'GET', path })).status).toBe(200);
    expect(refusals).toEqual([]);
  });

  it('produce: appends to a partition whose beginning has been sealed, from a new process', async () => {
    const fresh = await open('produce', ['produce']);
    const answer = await ask(fresh, {
      method: 'POST',
      path: '/topics/t/partitions/0',
      body: records('more'),
    });
    expect(answer.status, answer.body).toBe(200);
    expect(refusals).toEqual([]);
  });

  it('worker: drops what is too much, the items an hour later, and pushes out expiry', async () => {
    const more = { method: 'POST', path: '/topics/t/partitions/0', body: records(large, large, large) };
    expect((await ask(handlers.get('produce'), more)).status).toBe(200);
    await maintain('seal');
    expect((await maintain('retain')).deletedOffsets).toBeGreaterThan(0);
    clock.advance(3_600_000);
    expect((await maintain('retain')).droppedCount).toBeGreaterThan(0);
    expect((await ask(handlers.get('produce'), { ...more, body: records('young') })).status).toBe(200);
    clock.advance(4 * 86_400_000);
    expect((await maintain('push-expiry')).pushedCount).toBeGreaterThan(0);
  });

  it.each(JOBS)('admin: runs %s on request', async (job) => {
    const path = `${V3}/topics/t/maintenance:run`;
    const answer = await ask(handlers.get('admin'), { method: 'POST', path, body: { job } });
    expect(refusals).toEqual([]);
    expect(answer.status, answer.body).toBe(200);
  });

  it('admin: removes what a deleted topic has left, objects that nothing refers to among it', async () => {
    const admin = handlers.get('admin');
    const gone = { topic_name: 'gone', partitions_count: 1 };
    expect((await ask(admin, { method: 'POST', path: `${V3}/topics`, body: gone })).status).toBe(201);
    const body = records(large, large);
    expect((await ask(admin, { method: 'POST', path: '/topics/gone/partitions/0/', body })).status).toBe(200);
    expect((await ask(admin, { method: 'DELETE', path: `${V3}/topics/gone` })).status).toBe(204);
    const sweep = { method: 'POST', path: `${V3}/topics/t/maintenance:run`, body: { job: 'sweep' } };
    await ask(admin, sweep);
    clock.advance(2 * 86_400_000);
    const { counts } = JSON.parse((await ask(admin, sweep)).body);
    expect(refusals).toEqual([]);
    expect(counts.removedTopicCount).toBe(1);
  });

  it('admin: deletes the topic and makes it again', async () => {
    const admin = handlers.get('admin');
    expect((await ask(admin, { method: 'DELETE', path: `${V3}/topics/t` })).status).toBe(204);
    expect((await ask(admin, { method: 'POST', path: `${V3}/topics`, body: topic })).status).toBe(201);
    expect(refusals).toEqual([]);
  });

  it('worker: compacts', async () => {
    const compacted = { topic_name: 'c', configs: [{ name: 'cleanup.policy', value: 'compact' }] };
    const created = await ask(handlers.get('admin'), {
      method: 'POST',
      path: `${V3}/topics`,
      body: compacted,
    });
    expect(created.status, created.body).toBe(201);
    const body = { records: [1, 2, 3].map((value) => ({ key: 'k', value })) };
    const fresh = await open('produce', ['produce']);
    expect((await ask(fresh, { method: 'POST', path: '/topics/c/partitions/0', body })).status).toBe(200);
    clock.advance(86_400_000);
    expect((await maintain('seal')).sealedCount).toBeGreaterThan(0);
    expect((await maintain('compact')).rewrittenCount).toBe(1);
  });

  it('sweeper: removes what the deleted topic and retention have left', async () => {
    const handler = sweepFunction({
      engine: async () => engineParts(storageOf('sweeper')),
      clock,
      observer: observer({ service: 'sweeper', logSampleRate: 0, random: () => 0 }),
    });
    const run = (event: object): Promise<SweepFunctionReport> => handler(event, lambdaContext(900_000));
    await run({ job: 'remove-topics' });
    clock.advance(3 * 3_600_000);
    const removed = await run({ job: 'remove-topics' });
    expect(refusals).toEqual([]);
    expect(removed.topics).toMatchObject({ removedCount: 1, isComplete: true });
    expect(removed.topics.removedItemCount).toBeGreaterThan(0);
    clock.advance(30 * 86_400_000);
    const { swept } = await run({ job: 'sweep' });
    expect(refusals).toEqual([]);
    expect(swept).toMatchObject({ isComplete: true, failures: [] });
    expect(swept?.deletedCount).toBeGreaterThan(0);
  });

  it('and the guard does refuse what is outside of them', async () => {
    const call = newCall(storage.clock);
    const item = { pk: 'topics', sk: 't', version: 'v', attributes: {} };
    const put = storageOf('produce').catalog.put(item, { condition: { kind: 'ifAbsent' } }, call);
    await expect(put).rejects.toThrow('produce may not: catalog PutItem topics');
  });
});
