import type { AppendOutcome } from '../lib/partition/append-entry.ts';
import { summarize } from '../lib/partition/batch-summary.ts';
import { chunkFromItem } from '../lib/partition/chunk.ts';
import { createPartitionState } from '../lib/partition/partition-state.ts';
import { PartitionWriter } from '../lib/partition/partition-writer.ts';
import { Spooler } from '../lib/partition/spooler.ts';
import { type Codecs, encodeBatch, readBatchHeader } from '../lib/record/index.ts';
import { Meter } from '../lib/storage/meter.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

/** How writers behave that meet on one partition, on virtual time: exact and the same in every run. */
export interface Contention {
  readonly requestCount: number;
  /** Conditional writes sent, lost ones included. */
  readonly attemptCount: number;
  readonly chunkCount: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Offsets that are missing or stored twice. */
  readonly wrongCount: number;
}

const PK = 'topic:0';
const LATENCIES = { tableMs: 4, bucketMs: 30, varies: true };
const SETTINGS = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };
const VALUE_BYTES = 200;

/** Every request is a process of its own that knows nothing, as with Lambda functions that were just started. */
export function independentWriters(
  codecs: Codecs,
  load: { readonly perSecond: number; readonly seconds: number; readonly seed: number },
): Promise<Contention> {
  return arrivals(codecs, load, (storage) => () => newWriter(storage));
}

/** Requests spread at random over processes that stay. */
export function longLivedWriters(
  codecs: Codecs,
  load: {
    readonly perSecond: number;
    readonly seconds: number;
    readonly seed: number;
    readonly processCount: number;
  },
): Promise<Contention> {
  return arrivals(codecs, load, (storage) => {
    const writers = Array.from({ length: load.processCount }, () => newWriter(storage));
    return () => storage.random.pick(writers);
  });
}

function newWriter({ parts }: VirtualStorage): PartitionWriter {
  const spooler = new Spooler(parts.bucket, parts.random);
  return new PartitionWriter({ ...parts, spooler }, PK, createPartitionState(parts.clock));
}

async function arrivals(
  codecs: Codecs,
  load: { readonly perSecond: number; readonly seconds: number; readonly seed: number },
  choose: (storage: VirtualStorage) => () => PartitionWriter,
): Promise<Contention> {
  const storage = virtualStorage(codecs, load.seed, LATENCIES);
  const { scheduler, random } = storage;
  const writerFor = choose(storage);
  const requestCount = load.perSecond * load.seconds;
  const meter = new Meter();
  const latenciesMs: number[] = [];
  const outcomes: AppendOutcome[] = [];
  let atMs = 0;
  for (let i = 0; i < requestCount; i += 1) {
    // Independent arrivals: exponential gaps.
    atMs += (-Math.log(1 - random.next()) * 1000) / load.perSecond;
    scheduler.schedule(atMs, () => {
      const startedMs = scheduler.nowMs;
      void writerFor()
        .append(entry(codecs, meter, startedMs), SETTINGS)
        .then((outcome) => {
          outcomes.push(outcome);
          latenciesMs.push(scheduler.nowMs - startedMs);
        });
    });
  }
  await scheduler.run(() => outcomes.length === requestCount, { eventsMax: 10_000_000 });
  latenciesMs.sort((a, b) => a - b);
  const chunks = await storedChunks(storage);
  return {
    requestCount,
    attemptCount: Math.round(meter.usage.tableWrites),
    chunkCount: chunks.length,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    wrongCount: wrongOffsets(outcomes, chunks, requestCount),
  };
}

function entry(codecs: Codecs, meter: Meter, nowMs: number): Parameters<PartitionWriter['append']>[0] {
  const record = {
    key: null,
    value: new Uint8Array(VALUE_BYTES),
    headers: [],
    timestampMs: Math.floor(nowMs),
  };
  const bytes = encodeBatch(codecs, [record], { compression: 'none' });
  const batches = [summarize(readBatchHeader(bytes))];
  return {
    bytes,
    batches,
    offsetCount: 1,
    leaderEpoch: 0,
    maxTimestampMs: nowMs,
    topicSeen: { sentWallMs: nowMs, sentMonotonicMs: nowMs },
    call: { meter, deadlineMs: nowMs + 60_000 },
  };
}

interface Extent {
  readonly baseOffset: number;
  readonly endOffset: number;
}

async function storedChunks(storage: VirtualStorage): Promise<Extent[]> {
  const chunks: Extent[] = [];
  const call = { meter: new Meter(), deadlineMs: Number.POSITIVE_INFINITY };
  let isRead = false;
  const read = async (): Promise<void> => {
    for (let after: number | undefined; ; after = chunks.at(-1)?.baseOffset) {
      const range = { limit: 1_000, consistent: true, ...(after === undefined ? {} : { after }) };
      const page = await storage.parts.hot.query(PK, range, call);
      chunks.push(...page.items.map(chunkFromItem));
      if (!page.more) break;
    }
    isRead = true;
  };
  void read();
  await storage.scheduler.run(() => isRead, { eventsMax: 10_000_000 });
  return chunks;
}

/** Acknowledged offsets must be exactly the stored ones, each once. */
function wrongOffsets(
  outcomes: readonly AppendOutcome[],
  chunks: readonly Extent[],
  requestCount: number,
): number {
  const acknowledged = new Set(
    outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.baseOffset : -1)),
  );
  let wrong = requestCount - acknowledged.size;
  let expected = 0;
  for (const chunk of chunks) {
    if (chunk.baseOffset !== expected) wrong += 1;
    for (let offset = chunk.baseOffset; offset < chunk.endOffset; offset += 1) {
      if (!acknowledged.has(offset)) wrong += 1;
    }
    expected = chunk.endOffset;
  }
  return wrong + Math.abs(expected - requestCount);
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}
