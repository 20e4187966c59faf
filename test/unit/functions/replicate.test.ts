import { describe, expect, it } from 'vitest';
import { observer } from '../../../functions/observer.ts';
import { type Replication, replicateFunction, WOKEN_MS } from '../../../functions/replicate-function.ts';
import { WAKE_EVERY_MS } from '../../../functions/wake-function.ts';
import type { NewFlow } from '../../../lib/flows.ts';
import { openFlows } from '../../../lib/open-flows.ts';
import { engineParts } from '../../../lib/open-log.ts';
import type { FlowRun } from '../../../lib/replication/flow-run.ts';
import { wasPromoted } from '../../../lib/replication/promotion/was-promoted.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { memoryStorage, newCall } from '../../support/log-on-memory.ts';
import { virtualClock } from '../storage/virtual-clock.ts';
import { consoleLines } from './console-lines.ts';
import { lambdaContext } from './http-event-fixture.ts';

const written = consoleLines();
const IDLE: FlowRun = { ended: 'idle', copiedRecords: 0, copiedBytes: 0, gaps: [] };

/** A replicator of region `eu` whose runs end as `answers` says, one after the other. */
function replicator(declared: readonly NewFlow[], answers: readonly (FlowRun | Error)[] = []) {
  const clock = virtualClock();
  const target = engineParts(memoryStorage(clock));
  const flows = openFlows(target, {
    region: 'eu',
    sources: async (alias) => (alias === 'us' || alias === 'ap' ? target : undefined),
  });
  const runs: { readonly source: string; readonly idleMs: number }[] = [];
  const run: Replication['run'] = async (source, { idleMs }) => {
    const answer = answers[runs.length] ?? IDLE;
    runs.push({ source, idleMs });
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const handler = replicateFunction({
    open: async () => ({
      flows,
      run,
      wasPromoted: (source, call) => wasPromoted(target, source, call),
    }),
    declared,
    clock,
    observer: observer({
      service: 'replicator',
      metricsService: 'replication',
      stack: 'S',
      logSampleRate: 0,
      random: () => 0,
    }),
  });
  const call = () => newCall(clock);
  const topics = new TopicCatalog({ ...target, partitionCountDefault: 1 });
  return {
    clock,
    flows,
    topics,
    runs,
    call,
    handle: (event: object) => handler(event, lambdaContext(900_000)),
  };
}

const metricsNamed = (name: string): unknown[] =>
  written.lines.filter((line) => name in line).map((line) => line[name]);

describe('the function that copies', () => {
  it('makes the flows that the deployment asks for, once', async () => {
    const { flows, call, handle } = replicator([{ source: 'us', topics: ['orders'] }]);
    await handle({});
    await handle({});
    expect(await flows.list(call())).toMatchObject([{ source: 'us', topics: ['orders'], state: 'RUNNING' }]);
  });

  it('does not make a flow again whose copies were promoted, until they are gone', async () => {
    const declared = [{ source: 'us', policy: 'identity' }] as const;
    const { flows, topics, call, handle } = replicator(declared);
    await flows.create(declared[0], call());
    const remote = { source: 'us', topic: 'orders', topicId: 'i', policy: 'identity' } as const;
    await topics.create({ name: 'orders', remote }, call());
    expect(await flows.promote('us', call())).toMatchObject({
      isComplete: true,
      topics: [{ topic: 'orders' }],
    });
    expect(await handle({})).toEqual({});
    expect(await flows.list(call())).toEqual([]);
  });

  it('leaves a flow as it is that somebody has changed, and does not run one that is paused', async () => {
    const { flows, call, handle, runs } = replicator([{ source: 'us', topics: ['orders'] }]);
    await flows.create({ source: 'us', topics: ['others'] }, call());
    await flows.pause('us', call());
    expect(await handle({})).toEqual({});
    expect(await flows.list(call())).toMatchObject([{ topics: ['others'], state: 'PAUSED' }]);
    expect(runs).toEqual([]);
    expect(written.lines).toEqual([]);
  });

  it('fails, loudly, with a flow that cannot be', async () => {
    const { handle } = replicator([{ source: 'us', topics: ['('] }]);
    await expect(handle({})).rejects.toMatchObject({ code: expect.any(String) });
    expect(metricsNamed('Faults')).toEqual([1]);
  });

  it('looks and ends when the schedule calls it and nothing is there', async () => {
    const { handle, runs } = replicator([{ source: 'us' }, { source: 'ap' }]);
    expect(await handle({ schedule: 'minute' })).toEqual({ us: 'idle', ap: 'idle' });
    expect(runs).toEqual([
      { source: 'ap', idleMs: 0 },
      { source: 'us', idleMs: 0 },
    ]);
  });

  it('waits for more when it has copied something', async () => {
    const { handle, runs } = replicator([{ source: 'us' }], [{ ...IDLE, copiedRecords: 3 }, IDLE]);
    await handle({});
    expect(runs.map(({ idleMs }) => idleMs)).toEqual([0, 20_000]);
  });

  it('tells what had been trimmed before it was copied, whoever called it', async () => {
    const gap = { topic: 'orders', partition: 0, from: 3, to: 5 };
    const answers = [
      { ...IDLE, copiedRecords: 3, gaps: [gap] },
      { ...IDLE, gaps: [{ ...gap, partition: 1 }] },
      IDLE,
    ];
    const { handle } = replicator([{ source: 'us' }], answers);
    await handle({ wake: 'us' });
    expect(metricsNamed('FlowGaps')).toEqual([1, 1]);
    expect(written.lines.find((line) => 'gaps' in line)).toMatchObject({ source: 'us', gaps: [gap] });
    await handle({ wake: 'us' });
    expect(metricsNamed('FlowGaps')).toEqual([1, 1]);
  });

  it('ends when somebody else copies', async () => {
    const { handle, runs } = replicator([{ source: 'us' }], [{ ...IDLE, ended: 'held' }]);
    expect(await handle({})).toEqual({ us: 'held' });
    expect(runs).toHaveLength(1);
  });

  it('runs the flow of the region that has woken it, for a moment, and leaves the telling to the schedule', async () => {
    const { handle, runs } = replicator([{ source: 'us' }, { source: 'ap' }]);
    expect(await handle({ wake: 'us' })).toEqual({ us: 'idle' });
    expect(runs).toEqual([{ source: 'us', idleMs: WOKEN_MS }]);
    expect(WOKEN_MS).toBeGreaterThan(WAKE_EVERY_MS);
    expect(written.lines).toEqual([]);
  });

  it('fails if a run does, which is told', async () => {
    const { handle } = replicator([{ source: 'us' }], [new Error('the tables are gone')]);
    await expect(handle({})).rejects.toThrow('the tables are gone');
    expect(metricsNamed('Faults')).toEqual([1]);
  });

  it('tells how far behind it is, once a call of the schedule: also when nothing has ever been noted', async () => {
    const { clock, handle } = replicator([{ source: 'us' }]);
    await handle({});
    await clock.sleep(600_000);
    await handle({});
    expect(metricsNamed('FlowLagSeconds')).toEqual([0, 600]);
    expect(metricsNamed('FlowTopicsStopped')).toEqual([0, 0]);
    expect(written.lines[0]).toMatchObject({ service: 'replication', stack: 'S' });
  });
});
