import { expireGroups } from '../lib/group/ending/expire-groups.ts';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import { removeDeletedTopics } from '../lib/segment/sweep/delete-topic.ts';
import { sweepOnce } from '../lib/segment/sweep/sweep.ts';
import { runTask } from '../lib/segment/tasks/run-task.ts';
import { createTaskPlanner } from '../lib/segment/tasks/task-planner.ts';
import { dollarsOf } from '../lib/storage/meter.ts';
import { AWS_PRICES, HOURS_PER_MONTH, lambdaDollars } from './aws-prices.ts';
import { type Measured, measure } from './measure.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

/** Of the stack; a unit test holds it against the template. */
export const ALARM_COUNT = 6;

const PARTITIONS = 100;
const TOPICS = 10;
const PLANS_PER_HOUR = 12;
const DAY_MS = 86_400_000;
const PLANNER = { memoryMb: 512 };
const SWEEPER = { memoryMb: 1_024 };
/** What a warm call takes besides its requests, and a cold one before it begins. */
const OWN_MS = 20;
const COLD_MS = 1_000;
/**
 * Lambda keeps five connections to a queue that wait 20 s for messages each, whether any come or not
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
 */
const POLLS_PER_MONTH = 5 * 3 * 60 * HOURS_PER_MONTH;
/** Lambda's own lines of a call. */
const LOG_BYTES_PER_CALL = 400;

/** What a deployed log of 100 partitions costs a month while nobody uses it. */
export async function idleRows(codecs: Codecs): Promise<Row[]> {
  const storage = virtualStorage(codecs, 1, { tableMs: 5, bucketMs: 30, varies: false });
  await makeIdleLog(storage, codecs);
  const { parts } = storage;
  const planner = createTaskPlanner(parts);
  const plan = async (): Promise<Measured<number>> => {
    const { answer, ...measured } = await measure(storage, (call) => planner.plan(call));
    return { ...measured, answer: answer.tasks.length };
  };
  const cold = await plan();
  const warm = await plan();
  const topics = await measure(storage, (call) => removeDeletedTopics(parts, { leavesToExpiry: true }, call));
  const groups = await measure(storage, (call) => expireGroups(parts, call));
  const sweep = await measure(storage, (call) => sweepOnce(parts, {}, call));

  const plans = PLANS_PER_HOUR * HOURS_PER_MONTH;
  // Once an hour everything is read again, as after a cold start: here both happen at once.
  const colds = HOURS_PER_MONTH;
  const days = HOURS_PER_MONTH / 24;
  const calls = plans + HOURS_PER_MONTH + days;
  const costs = {
    alarms: ALARM_COUNT * AWS_PRICES.alarm,
    'SQS polling': POLLS_PER_MONTH * AWS_PRICES.sqsRequest,
    'table and bucket':
      (plans - colds) * dollarsOf(warm.usage) +
      colds * dollarsOf(cold.usage) +
      HOURS_PER_MONTH * dollarsOf(topics.usage) +
      days * (dollarsOf(groups.usage) + dollarsOf(sweep.usage)),
    Lambda:
      (plans - colds) * lambdaDollars({ ...PLANNER, ms: warm.elapsedMs + OWN_MS }) +
      colds * lambdaDollars({ ...PLANNER, ms: cold.elapsedMs + COLD_MS }) +
      HOURS_PER_MONTH * lambdaDollars({ ...SWEEPER, ms: topics.elapsedMs + COLD_MS }) +
      days * lambdaDollars({ ...SWEEPER, ms: groups.elapsedMs + sweep.elapsedMs + COLD_MS }),
    'events, traces, logs':
      calls * AWS_PRICES.event +
      (calls - plans) * AWS_PRICES.trace +
      ((calls * LOG_BYTES_PER_CALL) / 1e9) * AWS_PRICES.logGb,
  };
  const dollars = Object.values(costs).reduce((total, one) => total + one, 0);
  const split = Object.entries(costs).map(([name, one]) => `${name} ${one.toFixed(3)}`);
  return [
    {
      what: `plan of ${PARTITIONS} idle partitions`,
      bar: `1 query each and 1 of the topics, no task`,
      measured: `${warm.usage.tableReads} reads, ${warm.usage.readUnits} RU (cold ${cold.usage.readUnits} RU), ${warm.answer} tasks`,
      isMet: warm.usage.tableReads === PARTITIONS + 1 && warm.answer + cold.answer === 0,
    },
    {
      what: `idle stack with ${PARTITIONS} partitions, a month`,
      bar: '<= $1',
      measured: `$${dollars.toFixed(2)}: ${split.join(', ')}`,
      isMet: dollars <= 1,
    },
  ];
}

/** Every partition has had a record, which is sealed. */
async function makeIdleLog(storage: VirtualStorage, codecs: Codecs): Promise<void> {
  const { parts, scheduler } = storage;
  const { answer: log } = await measure(storage, (call) => openLog(parts, call));
  const partitionCount = PARTITIONS / TOPICS;
  for (let topic = 0; topic < TOPICS; topic += 1) {
    const name = `topic-${topic}`;
    const configs = { 'retention.ms': '-1' };
    await measure(storage, (call) => log.createTopic({ name, partitionCount, configs }, call));
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const record = { key: null, value: new Uint8Array(100), headers: [], timestampMs: scheduler.nowMs };
      const batches = encodeBatch(codecs, [record], { compression: 'none' });
      await measure(storage, (call) => log.produce({ topic: name, partition, batches }, call));
    }
  }
  await measure(storage, () => scheduler.sleep(2 * DAY_MS));
  const plan = await measure(storage, (call) => createTaskPlanner(parts).plan(call));
  for (const task of plan.answer.tasks) {
    await measure(storage, (call) => runTask(parts, task, { lastStepMs: call.deadlineMs, call }));
  }
}
