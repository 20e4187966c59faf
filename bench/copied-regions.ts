import { memoryBucket, memoryTable } from '../lib/adapters/memory/index.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import type { Log } from '../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../lib/open-log.ts';
import { partitionKey } from '../lib/partition/chunk.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import type { Copier } from '../lib/replication/copy/copier.ts';
import { sealOnce } from '../lib/segment/seal/seal.ts';
import type { Call } from '../lib/storage/call.ts';
import { dollarsOf, Meter } from '../lib/storage/meter.ts';
import { observeNow } from '../lib/storage/observation.ts';
import { clock, random } from './segment-log.ts';

const FETCH_BYTES = 8_388_608;
const SETTINGS = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };

/** Dollars and bytes of some work. */
export interface Spent {
  readonly dollars: number;
  readonly bytes: number;
}

/** A region in memory with one topic of one partition, into which batches of one size are produced. */
export interface BenchRegion {
  readonly parts: EngineParts;
  readonly pk: string;
  produce(): Promise<Spent>;
  seal(): Promise<void>;
  /** From the beginning to the end, by a process that knows nothing yet. */
  readAll(): Promise<Spent>;
}

/** Chunks that one partition's copier has copied. */
export interface BenchCopies {
  /** One more chunk, or nothing if there is none. */
  next(): Promise<Spent>;
  /** Whatever there is; for every chunk. */
  rest(): Promise<readonly Spent[]>;
}

const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 });

export async function openBenchRegion(codecs: Codecs, chunkBytes: number): Promise<BenchRegion> {
  const tables = { hot: memoryTable<number>({ clock }), catalog: memoryTable<string>({ clock }) };
  const storage: LogOptions = { ...tables, bucket: memoryBucket({ clock }), clock, random, codecs };
  const parts = engineParts(storage);
  const log = await openLog(storage, newCall());
  const { topicId } = await log.createTopic({ name: 't' }, newCall());
  const pk = partitionKey(topicId, 0);
  // A batch of one record takes some 75 bytes more than its value.
  const record = { key: null, value: new Uint8Array(chunkBytes - 75), headers: [], timestampMs: 1e12 };
  const batch = encodeBatch(codecs, [record], { compression: 'none' });
  return {
    parts,
    pk,
    produce: async () => {
      const call = newCall();
      await log.produce({ topic: 't', partition: 0, batches: batch }, call);
      return { dollars: dollarsOf(call.meter.usage), bytes: batch.length };
    },
    seal: async () => {
      const { hotRetentionMs } = SETTINGS;
      const settings = { segmentBytes: 67_108_864, segmentMs: -1_000, hotRetentionMs };
      while ((await sealOnce(parts, pk, settings, newCall())).kind === 'sealed');
    },
    readAll: async () => readAll(await openLog(storage, newCall())),
  };
}

/** What copies the one partition into the other, or into one that is only there for its copy. */
export function benchCopies(copier: Copier, source: BenchRegion, targetPk: string): BenchCopies {
  const place = { sourcePk: source.pk, targetPk, sourceTopic: 't', start: 'earliest' } as const;
  const partition = copier.partition(place);
  const step = async (): Promise<Spent & { readonly isLast: boolean }> => {
    const call = newCall();
    const outcome = await partition.copyOnce({ settings: SETTINGS, topicSeen: observeNow(clock) }, call);
    const { kind } = outcome;
    if (kind !== 'copied' && kind !== 'caughtUp') throw new Error(`copying ended: ${kind}`);
    const bytes = kind === 'copied' ? outcome.bytes : 0;
    return { dollars: dollarsOf(call.meter.usage), bytes, isLast: kind === 'caughtUp' };
  };
  return {
    next: step,
    rest: async () => {
      const steps: Spent[] = [];
      for (;;) {
        const { isLast, ...spent } = await step();
        steps.push(spent);
        if (isLast) return steps;
      }
    },
  };
}

async function readAll(log: Log): Promise<Spent> {
  const call = newCall();
  let bytes = 0;
  for (let offset = 0; ; ) {
    const read = await log.fetch({ topic: 't', partition: 0, offset, maxBytes: FETCH_BYTES }, call);
    for (const batch of read.batches) bytes += batch.length;
    if (read.nextOffset === offset) return { dollars: dollarsOf(call.meter.usage), bytes };
    offset = read.nextOffset;
  }
}
