import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { type Observer, observer } from '../../../functions/observer.ts';
import { planFunction } from '../../../functions/plan-function.ts';
import { type SweepFunctionReport, sweepFunction } from '../../../functions/sweep-function.ts';
import { workFunction } from '../../../functions/work-function.ts';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import { engineParts, openLog } from '../../../lib/open-log.ts';
import { createTaskPlanner } from '../../../lib/segment/tasks/task-planner.ts';
import { encodeTask, parseTask, type Task } from '../../../lib/segment/tasks/tasks.ts';
import { batchOf, memoryStorage, newCall } from '../../support/log-on-memory.ts';
import { type VirtualClock, virtualClock } from '../storage/virtual-clock.ts';
import { consoleLines } from './console-lines.ts';
import { lambdaContext } from './http-event-fixture.ts';

const DAY_MS = 86_400_000;
const written = consoleLines();
const watching = (): Observer =>
  observer({ service: 'test', metricsService: 'maintenance', stack: 'S', logSampleRate: 0, random: () => 0 });

/** Two partitions with a chunk that is due each. */
async function dueStorage(): Promise<{
  readonly clock: VirtualClock;
  readonly parts: EngineParts;
  readonly tasks: readonly Task[];
}> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const call = newCall(clock);
  const log = await openLog(storage, call);
  const configs = { 'retention.ms': '-1' };
  const { topicId, name: topic } = await log.createTopic({ name: 't', partitionCount: 2, configs }, call);
  for (const partition of [0, 1]) await log.produce({ topic, partition, batches: batchOf('a') }, call);
  clock.advance(DAY_MS);
  const tasks = [0, 1].map((partition): Task => ({ job: 'seal', topicId, topic, partition, continued: 0 }));
  return { clock, parts: engineParts(storage), tasks };
}

const eventOf = (...bodies: readonly string[]): SQSEvent => ({
  Records: bodies.map((body, index) => ({ messageId: `message-${index}`, body }) as SQSRecord),
});

const metricsNamed = (name: string): unknown[] =>
  written.lines.filter((line) => name in line).map((line) => line[name]);

describe('the planner function', () => {
  const planned = async (send: (messages: readonly string[]) => Promise<void>): Promise<unknown> => {
    const { clock, parts } = await dueStorage();
    const planner = createTaskPlanner(parts);
    const handler = planFunction({ planner: async () => planner, send, clock, observer: watching() });
    return handler({}, lambdaContext(120_000));
  };

  it('sends a task for each partition that needs one, and tells the age of the oldest chunk', async () => {
    const sent: string[] = [];
    const report = await planned(async (messages) => void sent.push(...messages));
    expect(report).toEqual({ partitionCount: 2, taskCount: 2, failureCount: 0, isComplete: true });
    const places = sent.map(parseTask).map((parsed) => parsed.kind === 'task' && parsed.task.partition);
    expect(places.sort()).toEqual([0, 1]);
    expect(metricsNamed('OldestUnsealed')).toEqual([expect.closeTo(1, 3)]);
    expect(written.lines.find((line) => 'OldestUnsealed' in line)).toMatchObject({
      service: 'maintenance',
      stack: 'S',
    });
  });

  it('says nothing about an idle log', async () => {
    const clock = virtualClock();
    const planner = createTaskPlanner(engineParts(memoryStorage(clock)));
    const send = async (messages: readonly string[]): Promise<void> => expect(messages).toEqual([]);
    const handler = planFunction({ planner: async () => planner, send, clock, observer: watching() });
    await handler({}, lambdaContext(120_000));
    expect(written.lines).toEqual([]);
  });

  it('fails if the tasks cannot be sent, which the count of errors shows', async () => {
    const down = planned(() => Promise.reject(new Error('the queue is gone')));
    await expect(down).rejects.toThrow('the queue is gone');
    expect(metricsNamed('Faults')).toEqual([1]);
  });
});

describe('the worker function', () => {
  const never = (): Promise<void> => Promise.reject(new Error('nothing is to be sent'));

  it('runs the tasks of a batch', async () => {
    const { clock, parts, tasks } = await dueStorage();
    const handler = workFunction({ engine: async () => parts, send: never, clock, observer: watching() });
    const answer = await handler(eventOf(...tasks.map(encodeTask)), lambdaContext(300_000));
    expect(answer).toEqual({ batchItemFailures: [] });
    const ran = written.lines.map(({ message, partition, sealedCount }) => [message, partition, sealedCount]);
    expect(ran).toEqual([
      ['ran', 0, 1],
      ['ran', 1, 1],
    ]);
  });

  it('gives back a poisoned message by name, and runs the others', async () => {
    const { clock, parts, tasks } = await dueStorage();
    const handler = workFunction({ engine: async () => parts, send: never, clock, observer: watching() });
    const [first, second] = tasks.map(encodeTask);
    const answer = await handler(
      eventOf(first ?? '', '{"job":"erase everything"}', second ?? ''),
      lambdaContext(300_000),
    );
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-1' }] });
    expect(written.lines.filter(({ message }) => message === 'ran')).toHaveLength(2);
    expect(metricsNamed('JobFailures')).toEqual([1]);
    expect(JSON.stringify(written.lines)).toContain('The message is no task: its format is undefined');
  });

  it('counts a gap in a hot chain as an incident', async () => {
    const { clock, parts, tasks } = await dueStorage();
    const [task] = tasks;
    if (task === undefined) throw new Error('there is no task');
    const key = { pk: `${task.topicId}:0`, sk: 0 };
    const { item } = await parts.hot.get(key, { consistent: true }, newCall(clock));
    if (item === undefined) throw new Error('there is no chunk');
    // As if the chunks before it were gone.
    await parts.hot.put({ ...item, sk: 7 }, { condition: { kind: 'ifAbsent' } }, newCall(clock));
    await parts.hot.delete(key, { ifVersion: item.version }, newCall(clock));
    const handler = workFunction({
      engine: async () => parts,
      send: () => Promise.reject(new Error('nothing to send')),
      clock,
      observer: watching(),
    });
    await handler(eventOf(encodeTask({ ...task, job: 'push-expiry' })), lambdaContext(300_000));
    expect(metricsNamed('Incidents')).toEqual([1]);
  });

  it('gives back a task that fails, with its reason', async () => {
    const { clock, parts, tasks } = await dueStorage();
    const broken: EngineParts = {
      ...parts,
      bucket: { ...parts.bucket, put: () => Promise.reject(new Error('no such bucket')) },
    };
    const handler = workFunction({ engine: async () => broken, send: never, clock, observer: watching() });
    const answer = await handler(eventOf(...tasks.map(encodeTask)), lambdaContext(300_000));
    expect(answer.batchItemFailures).toHaveLength(2);
    expect(JSON.stringify(written.lines)).toContain('no such bucket');
  });

  it('sends on what it has no time to begin, which is no failure', async () => {
    const { clock, parts, tasks } = await dueStorage();
    const slow: EngineParts = {
      ...parts,
      bucket: {
        ...parts.bucket,
        put: async (...args) => {
          clock.advance(250_000);
          return parts.bucket.put(...args);
        },
      },
    };
    const sent: string[] = [];
    const handler = workFunction({
      engine: async () => slow,
      send: async (messages) => void sent.push(...messages),
      clock,
      observer: watching(),
    });
    const answer = await handler(eventOf(...tasks.map(encodeTask)), lambdaContext(300_000));
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(sent.map(parseTask)).toEqual([
      { kind: 'task', task: { ...tasks[0], continued: 1 } },
      { kind: 'task', task: tasks[1] },
    ]);
  });

  it('gives back a task that it cannot send on', async () => {
    const { clock, parts, tasks } = await dueStorage();
    const handler = workFunction({ engine: async () => parts, send: never, clock, observer: watching() });
    const answer = await handler(eventOf(...tasks.map(encodeTask)), lambdaContext(0));
    expect(answer.batchItemFailures).toHaveLength(2);
  });
});

describe('the sweeper function', () => {
  it('counts what is not ours as a finding and leaves it, and says nothing about an idle log', async () => {
    const { clock, parts } = await dueStorage();
    const handler = sweepFunction({ engine: async () => parts, clock, observer: watching() });
    const sweep = (): Promise<SweepFunctionReport> => handler({ job: 'sweep' }, lambdaContext(900_000));
    await sweep();
    expect(written.lines).toEqual([]);
    await parts.bucket.put('holiday/photo', new Uint8Array(9), newCall(clock));
    clock.advance(2 * DAY_MS);
    const { swept } = await sweep();
    expect(swept).toMatchObject({ deletedCount: 0, foreign: { count: 1, examples: ['holiday/photo'] } });
    expect(metricsNamed('SweepFindings')).toEqual([1]);
  });

  it('leaves the bucket alone when only deleted topics are asked for', async () => {
    const { clock, parts } = await dueStorage();
    const handler = sweepFunction({ engine: async () => parts, clock, observer: watching() });
    const report = await handler({ job: 'remove-topics' }, lambdaContext(900_000));
    expect(report).not.toHaveProperty('swept');
  });
});
