import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import type { Log } from '../../../lib/log.ts';
import { engineParts, openLog } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import { runTask, type TaskOutcome } from '../../../lib/segment/tasks/run-task.ts';
import {
  createTaskPlanner,
  type TaskPlan,
  type TaskPlannerOptions,
} from '../../../lib/segment/tasks/task-planner.ts';
import type { Task } from '../../../lib/segment/tasks/tasks.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Usage } from '../../../lib/storage/meter.ts';
import { codecs, memoryStorage, newCall, textRecord } from '../../support/log-on-memory.ts';
import { type VirtualClock, virtualClock } from '../storage/virtual-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface House {
  readonly clock: VirtualClock;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly call: () => Call;
  readonly produce: (topic: string, partition: number, bytes?: number) => Promise<void>;
  readonly run: (task: Task, options?: { readonly stepsMs?: number }) => Promise<TaskOutcome>;
}

async function openHouse(): Promise<House> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const parts = engineParts(storage);
  const call = (): Call => newCall(clock, { ms: 60_000 });
  const log = await openLog(storage, call());
  return {
    clock,
    parts,
    log,
    call,
    produce: async (topic, partition, bytes = 100) => {
      const record = textRecord('x'.repeat(bytes), { key: Buffer.from('k'), timestampMs: clock.wallMs() });
      const batches = encodeBatch(codecs, [record], { compression: 'none' });
      await log.produce({ topic, partition, batches }, call());
    },
    run: (task, { stepsMs = 30_000 } = {}) =>
      runTask(parts, task, { lastStepMs: clock.monotonicMs() + stepsMs, call: call() }),
  };
}

/** A planner whose plans tell what they used. */
function plannerOf(
  { parts, call }: House,
  options: TaskPlannerOptions = {},
): () => Promise<TaskPlan & { usage: Usage }> {
  const planner = createTaskPlanner(parts, options);
  return async () => {
    const own = call();
    return { ...(await planner.plan(own)), usage: own.meter.usage };
  };
}

const namesOf = ({ tasks }: TaskPlan): string[] =>
  tasks.map(({ job, topic, partition }) => `${job} ${topic}-${partition}`);

describe('the plan of what is due', () => {
  it('is empty for a log without topics', async () => {
    const plan = await plannerOf(await openHouse())();
    expect(plan).toMatchObject({ tasks: [], partitionCount: 0, oldestUnsealedSealAges: 0, isComplete: true });
  });

  it('names the partitions whose oldest chunk has reached the seal age, and only them', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 'old', partitionCount: 3 }, house.call());
    await house.produce('old', 1);
    house.clock.advance(DAY_MS);
    await house.produce('old', 2);
    const plan = await plannerOf(house)();
    expect(namesOf(plan)).toEqual(['seal old-1']);
    expect(plan).toMatchObject({ partitionCount: 3, unsealedPartitionCount: 2 });
    expect(plan.oldestUnsealedSealAges).toBeCloseTo(1, 3);
  });

  it('names a partition whose unsealed bytes have reached segment.bytes', async () => {
    const house = await openHouse();
    const configs = { 'segment.bytes': '100000' };
    await house.log.createTopic({ name: 'big', partitionCount: 2, configs }, house.call());
    const plan = plannerOf(house);
    for (let i = 0; i < 9; i += 1) await house.produce('big', 1, 10_000);
    expect(namesOf(await plan())).toEqual([]);
    for (let i = 0; i < 2; i += 1) await house.produce('big', 1, 10_000);
    expect(namesOf(await plan())).toEqual(['seal big-1']);
  });

  it('sees spilled chunks by their size, not by that of their items', async () => {
    const house = await openHouse();
    const configs = { 'segment.bytes': '1000000' };
    await house.log.createTopic({ name: 'spilled', configs }, house.call());
    for (let i = 0; i < 6; i += 1) await house.produce('spilled', 0, 200_000);
    expect(namesOf(await plannerOf(house)())).toEqual(['seal spilled-0']);
  });

  it('is empty once the task has run, and tells its age by the next chunk', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't' }, house.call());
    await house.produce('t', 0);
    house.clock.advance(DAY_MS);
    const plan = plannerOf(house);
    const [task] = (await plan()).tasks;
    if (task === undefined) throw new Error('nothing was planned');
    expect(await house.run(task)).toMatchObject({ kind: 'done', counts: { sealedCount: 1 } });
    expect(await plan()).toMatchObject({ tasks: [], oldestUnsealedSealAges: 0 });
    await house.produce('t', 0);
    house.clock.advance(DAY_MS / 2);
    expect((await plan()).oldestUnsealedSealAges).toBeCloseTo(0.5, 3);
  });

  it('leaves a closed and sealed partition alone', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't' }, house.call());
    const { topicId } = await house.log.describeTopic('t', house.call());
    const marker = {
      pk: partitionKey(topicId, 0),
      sk: 0,
      version: 'marker',
      attributes: { f: 1, n: 0, m: -1, c: true },
    };
    await house.parts.hot.put(marker, { condition: { kind: 'ifAbsent' } }, house.call());
    house.clock.advance(30 * DAY_MS);
    expect(await plannerOf(house)()).toMatchObject({ tasks: [], unsealedPartitionCount: 0 });
  });

  it('costs an idle partition one query of half a read unit', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 'idle', partitionCount: 50 }, house.call());
    const plan = plannerOf(house);
    expect((await plan()).usage).toMatchObject({ tableReads: 1 + 2 * 50 });
    const warm = (await plan()).usage;
    expect(warm).toMatchObject({ tableReads: 1 + 50, readUnits: 1 + 25, objectGets: 0, objectLists: 0 });
    expect(warm.tableWrites + warm.objectPuts).toBe(0);
  });

  it('asks ever less often for a job that gets nowhere, and at once for one that does', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 'stuck' }, house.call());
    await house.produce('stuck', 0);
    house.clock.advance(DAY_MS);
    const plan = plannerOf(house);
    const askedAtHour: number[] = [];
    for (let minutes = 0; minutes < 24 * 60; minutes += 5) {
      if ((await plan()).tasks.length > 0) askedAtHour.push(minutes / 60);
      house.clock.advance(5 * 60_000);
    }
    expect(askedAtHour.map((hour) => Math.round(hour * 60))).toEqual([
      0, 10, 30, 70, 150, 310, 630, 990, 1350,
    ]);
  });

  it('pushes out the expiry of what sealing does not get to, and then does so no more', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't' }, house.call());
    await house.produce('t', 0);
    house.clock.advance(3.6 * DAY_MS);
    const plan = plannerOf(house);
    const first = await plan();
    expect(namesOf(first)).toEqual(['seal t-0', 'push-expiry t-0']);
    const push = first.tasks.find(({ job }) => job === 'push-expiry');
    if (push === undefined) throw new Error('nothing was planned');
    expect(await house.run(push)).toEqual({ kind: 'done', counts: { pushedCount: 1, gapCount: 0 } });
    house.clock.advance(HOUR_MS);
    const second = await plan();
    expect(namesOf(second)).toEqual(['seal t-0']);
    expect(second.oldestUnsealedSealAges).toBeGreaterThan(3.6);
  });

  it('drops what is older than retention.ms, once it is, and asks no more when it is gone', async () => {
    const house = await openHouse();
    const configs = { 'retention.ms': String(3 * DAY_MS) };
    await house.log.createTopic({ name: 't', configs }, house.call());
    const plan = plannerOf(house);
    const asked: string[] = [];
    for (let day = 0; day < 8; day += 0.25) {
      if (day < 1) await house.produce('t', 0);
      for (const task of (await plan()).tasks) {
        asked.push(`${task.job} ${day}`);
        await house.run(task);
      }
      house.clock.advance(DAY_MS / 4);
    }
    expect(asked.filter((name) => name.startsWith('seal'))).toEqual(['seal 1']);
    expect(asked.filter((name) => name.startsWith('retain'))[0]).toBe('retain 4');
    expect(asked.length).toBeLessThan(6);
    expect(
      (await house.log.listOffsets({ topic: 't', partition: 0, at: 'earliest' }, house.call())).offset,
    ).toBe(4);
  });

  it('looks at the size after each seal, and only then', async () => {
    const house = await openHouse();
    const configs = { 'retention.bytes': '100', 'retention.ms': '-1' };
    await house.log.createTopic({ name: 't', configs }, house.call());
    const plan = plannerOf(house);
    const asked: string[] = [];
    for (let day = 0; day < 9; day += 0.25) {
      if (day === 0 || day === 3) await house.produce('t', 0);
      for (const task of (await plan()).tasks) {
        asked.push(`${task.job} ${day}`);
        await house.run(task);
      }
      house.clock.advance(DAY_MS / 4);
    }
    // The first segment goes in two steps: its item has to have stood for an hour.
    const second = ['seal 4', 'retain 4.25', 'retain 4.5', 'retain 4.75'];
    expect(asked).toEqual(['seal 1', 'retain 1.25', ...second]);
  });

  it('looks at a compacted topic after each seal and once a day, and leaves the others alone', async () => {
    const house = await openHouse();
    const configs = { 'cleanup.policy': 'compact' };
    await house.log.createTopic({ name: 't', configs }, house.call());
    await house.produce('t', 0);
    const plan = plannerOf(house);
    const asked: string[] = [];
    for (let day = 0; day < 4; day += 0.25) {
      for (const task of (await plan()).tasks) {
        asked.push(`${task.job} ${day}`);
        expect(await house.run(task)).toMatchObject({ kind: 'done' });
      }
      house.clock.advance(DAY_MS / 4);
    }
    const compacts = asked.filter((name) => name.startsWith('compact'));
    expect(asked.filter((name) => name.startsWith('seal'))).toEqual(['seal 1']);
    expect(compacts[0]).toBe('compact 1.25');
    expect(compacts.length).toBeLessThanOrEqual(4);
  });

  it('sees within an hour what a client has deleted from an idle partition', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't' }, house.call());
    await house.produce('t', 0);
    house.clock.advance(DAY_MS);
    const plan = plannerOf(house);
    for (const task of (await plan()).tasks) await house.run(task);
    expect(namesOf(await plan())).toEqual([]);
    await house.log.deleteRecords({ topic: 't', partition: 0, offset: -1 }, house.call());
    house.clock.advance(HOUR_MS);
    expect(namesOf(await plan())).toEqual(['retain t-0']);
  });

  it('goes on where time ran out, so that no partition is always left out', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 'many', partitionCount: 100 }, house.call());
    const planner = createTaskPlanner({
      ...house.parts,
      hot: {
        ...house.parts.hot,
        query: async (...args) => {
          house.clock.advance(100);
          return house.parts.hot.query(...args);
        },
      },
    });
    const counts: number[] = [];
    let isComplete = false;
    while (!isComplete && counts.length < 20) {
      const plan = await planner.plan({ ...house.call(), deadlineMs: house.clock.monotonicMs() + 3_000 });
      counts.push(plan.partitionCount);
      isComplete = counts.reduce((total, count) => total + count, 0) >= 100;
    }
    expect(isComplete).toBe(true);
    expect(counts.length).toBeLessThan(8);
    expect(Math.max(...counts)).toBeLessThan(100);
  });

  it('ends when it is as long as may be, and goes on behind that', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 'many', partitionCount: 60 }, house.call());
    for (let partition = 0; partition < 60; partition += 1) await house.produce('many', partition);
    house.clock.advance(DAY_MS);
    const plan = plannerOf(house, { tasksMax: 20 });
    const seen = new Set<string>();
    for (let round = 0; round < 3; round += 1) for (const name of namesOf(await plan())) seen.add(name);
    expect(seen.size).toBe(60);
  });

  it('goes on past a partition whose items are damaged, and names it', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't', partitionCount: 2 }, house.call());
    const { topicId } = await house.log.describeTopic('t', house.call());
    const damaged = { pk: partitionKey(topicId, 0), sk: 0, version: 'v', attributes: { f: 1 } };
    await house.parts.hot.put(damaged, { condition: { kind: 'ifAbsent' } }, house.call());
    await house.produce('t', 1);
    house.clock.advance(DAY_MS);
    const plan = await plannerOf(house)();
    expect(namesOf(plan)).toEqual(['seal t-1']);
    expect(plan.failures).toEqual([
      { topic: 't', partition: 0, reason: expect.stringContaining("attribute 'n'") },
    ]);
  });
});

describe('a task', () => {
  const taskOf = async ({ log, call }: House, partition = 0): Promise<Task> => {
    const { topicId } = await log.describeTopic('t', call());
    return { job: 'seal', topicId, topic: 't', partition, continued: 0 };
  };

  it('for a topic that was deleted, made again or is smaller does nothing', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't' }, house.call());
    const task = await taskOf(house);
    expect(await house.run({ ...task, partition: 1 })).toEqual({ kind: 'gone' });
    expect(await house.run({ ...task, topic: 'another' })).toEqual({ kind: 'gone' });
    await house.log.deleteTopic('t', house.call());
    expect(await house.run(task)).toEqual({ kind: 'gone' });
    await house.log.createTopic({ name: 't' }, house.call());
    expect(await house.run(task)).toEqual({ kind: 'gone' });
  });

  it('that is not due does nothing', async () => {
    const house = await openHouse();
    await house.log.createTopic({ name: 't' }, house.call());
    await house.produce('t', 0);
    const counts = { sealedCount: 0, sealedBytes: 0 };
    expect(await house.run(await taskOf(house))).toEqual({ kind: 'done', counts });
  });

  it('that runs out of time says so, and goes on where it was', async () => {
    const house = await openHouse();
    // Inline: a spilled chunk of that size would become a segment as it is.
    const configs = { 'segment.bytes': '20000', 'hot.inline.max.bytes': '20000' };
    await house.log.createTopic({ name: 't', configs }, house.call());
    for (let i = 0; i < 10; i += 1) await house.produce('t', 0, 10_000);
    const task = await taskOf(house);
    const slow: EngineParts = {
      ...house.parts,
      bucket: {
        ...house.parts.bucket,
        put: async (...args) => {
          house.clock.advance(1_000);
          return house.parts.bucket.put(...args);
        },
      },
    };
    const sealed: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const time = { lastStepMs: house.clock.monotonicMs() + 1_500, call: house.call() };
      const outcome = await runTask(slow, task, time);
      if (outcome.kind === 'gone') throw new Error('the topic is there');
      sealed.push(outcome.counts.sealedCount ?? 0);
      if (outcome.kind === 'done') break;
    }
    expect(sealed).toEqual([2, 2, 1]);
  });
});
