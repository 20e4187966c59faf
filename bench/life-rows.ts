import type { Log } from '../lib/log.ts';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import { runTask } from '../lib/segment/tasks/run-task.ts';
import { createTaskPlanner } from '../lib/segment/tasks/task-planner.ts';
import { dollarsOf, type Usage } from '../lib/storage/meter.ts';
import { AWS_PRICES, lambdaDollars } from './aws-prices.ts';
import { type Measured, measure } from './measure.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

const GB = 1e9;
const SAMPLE_BYTES = 8e6;
const CHUNK_KB = [1, 8, 64, 512];
const HOT_DAYS = 7;
const COLD_DAYS = 30;
const DAYS_PER_MONTH = 730 / 24;
const DAY_MS = 86_400_000;
const FETCH_BYTES = 1_048_576;
/** What a function takes besides its requests. */
const OWN_MS = 5;
const API_BYTES = 512 * 1_024;

/**
 * What others take for the same GB, without what they take by the hour whether anything flows or not: $0.04 per
 * stream-hour of Kinesis, $547 a month for MSK Serverless. In, kept for 37 days, out twice.
 * https://aws.amazon.com/kinesis/data-streams/pricing/ (retention beyond a day $0.10, beyond seven $0.023 per GB-month),
 * https://aws.amazon.com/msk/pricing/ (storage $0.10 per GB-month, out $0.05).
 */
const KINESIS =
  0.08 + 2 * 0.04 + (0.1 * (HOT_DAYS - 1)) / DAYS_PER_MONTH + (0.023 * COLD_DAYS) / DAYS_PER_MONTH;
const MSK_SERVERLESS = 0.1 + 2 * 0.05 + (0.1 * (HOT_DAYS + COLD_DAYS)) / DAYS_PER_MONTH;

/** The whole life of a GB in dollars: produced over HTTP, sealed, kept, read once hot and once cold. */
export async function lifeRows(codecs: Codecs): Promise<Row[]> {
  const rows: Row[] = [];
  for (const chunkKb of CHUNK_KB) {
    const cost = await lifeOfGb(codecs, chunkKb * 1_000);
    const split = Object.entries(cost).map(([name, dollars]) => `${name} ${dollars.toFixed(3)}`);
    const dollars = Object.values(cost).reduce((total, one) => total + one, 0);
    const isBound = chunkKb >= 64;
    rows.push({
      what: `1 GB in chunks of ${chunkKb} KB: produce, seal, ${HOT_DAYS} + ${COLD_DAYS} days, read twice`,
      bar: `${isBound ? '< ' : ''}Kinesis on demand $${KINESIS.toFixed(2)} + $0.04/h, MSK Serverless $${MSK_SERVERLESS.toFixed(2)} + $547/month`,
      measured: `$${dollars.toFixed(2)}: ${split.join(', ')}`,
      isMet: !isBound || dollars < Math.min(KINESIS, MSK_SERVERLESS),
    });
  }
  return rows;
}

async function lifeOfGb(codecs: Codecs, chunkBytes: number): Promise<Record<string, number>> {
  const storage = virtualStorage(codecs, 1, { tableMs: 5, bucketMs: 40, varies: false });
  const { answer: log } = await measure(storage, (call) => openLog(storage.parts, call));
  const configs = { 'segment.bytes': String(SAMPLE_BYTES), 'retention.ms': '-1' };
  await measure(storage, (call) => log.createTopic({ name: 't', configs }, call));
  await produceOne(storage, log, codecs, chunkBytes);

  const count = Math.ceil(SAMPLE_BYTES / chunkBytes);
  let produced = 0;
  let spilledBytes = 0;
  for (let made = 0; made < count; made += 1) {
    const one = await produceOne(storage, log, codecs, chunkBytes);
    produced += dollarsOf(one.usage) + requestDollars(one, chunkBytes);
    if (one.usage.objectPuts > 0) spilledBytes += chunkBytes;
  }
  const bytes = count * chunkBytes;
  const hot = await readAll(storage);
  await measure(storage, () => storage.scheduler.sleep(DAY_MS));
  const sealed = await sealAll(storage);
  const cold = await readAll(storage);

  const perGb = GB / bytes;
  const inlineShare = 1 - spilledBytes / bytes;
  const months = (days: number): number => days / DAYS_PER_MONTH;
  return {
    produce: produced * perGb,
    seal: sealed * perGb,
    keep:
      inlineShare * AWS_PRICES.tableGbMonth * months(HOT_DAYS) +
      // A spilled object is swept a day after hot retention.
      (1 - inlineShare) * AWS_PRICES.objectGbMonth * months(HOT_DAYS + 1) +
      AWS_PRICES.objectGbMonth * months(HOT_DAYS + COLD_DAYS),
    read: (hot + cold) * perGb,
  };
}

async function produceOne(
  storage: VirtualStorage,
  log: Log,
  codecs: Codecs,
  bytes: number,
): Promise<Measured<unknown>> {
  const timestampMs = storage.scheduler.nowMs;
  // A batch of one record takes some 75 bytes more than its value.
  const record = { key: null, value: new Uint8Array(bytes - 75), headers: [], timestampMs };
  const batches = encodeBatch(codecs, [record], { compression: 'none' });
  return measure(storage, (call) => log.produce({ topic: 't', partition: 0, batches }, call));
}

/** From the beginning to the end, by a process that knows nothing yet. */
async function readAll(storage: VirtualStorage): Promise<number> {
  const { answer: log } = await measure(storage, (call) => openLog(storage.parts, call));
  let dollars = 0;
  for (let offset = 0; ; ) {
    const from = { topic: 't', partition: 0, offset, maxBytes: FETCH_BYTES };
    const page = await measure(storage, (call) => log.fetch(from, call));
    const bytes = page.answer.batches.reduce((total, batch) => total + batch.length, 0);
    dollars += dollarsOf(page.usage) + requestDollars(page, bytes);
    if (page.answer.nextOffset <= offset) return dollars;
    offset = page.answer.nextOffset;
  }
}

async function sealAll(storage: VirtualStorage): Promise<number> {
  const { parts } = storage;
  const plan = await measure(storage, (call) => createTaskPlanner(parts).plan(call));
  let dollars = dollarsOf(plan.usage);
  for (const task of plan.answer.tasks) {
    const run = await measure(storage, (call) => runTask(parts, task, { lastStepMs: call.deadlineMs, call }));
    // Sent, received and deleted.
    dollars += dollarsOf(run.usage) + 3 * AWS_PRICES.sqsRequest;
    dollars += lambdaDollars({ ms: run.elapsedMs + OWN_MS, memoryMb: 2_048 });
  }
  return dollars;
}

function requestDollars(
  { elapsedMs }: { readonly usage: Usage; readonly elapsedMs: number },
  bytes: number,
): number {
  const api = Math.max(1, Math.ceil(bytes / API_BYTES)) * AWS_PRICES.apiRequest;
  return api + lambdaDollars({ ms: elapsedMs + OWN_MS, memoryMb: 1_024 });
}
