import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { Log } from '../../../../lib/log.ts';
import { engineParts, openLog } from '../../../../lib/open-log.ts';
import { partitionKey } from '../../../../lib/partition/chunk.ts';
import { type CompressionName, decodeBatch, encodeBatch } from '../../../../lib/record/index.ts';
import { type Checkpoint, readCheckpoint } from '../../../../lib/segment/compact/clean-item.ts';
import { type CompactOutcome, compactOnce } from '../../../../lib/segment/compact/pass.ts';
import type { CompactSettings } from '../../../../lib/segment/compact/plan.ts';
import { segmentsOf } from '../../../../lib/segment/compact/segments-of.ts';
import { sealOnce } from '../../../../lib/segment/seal/seal.ts';
import type { Segment } from '../../../../lib/segment/segment-item.ts';
import { codecs, memoryStorage, newCall } from '../../../support/log-on-memory.ts';
import { type VirtualClock, virtualClock } from '../../storage/virtual-clock.ts';

export const DELETE_RETENTION_MS = 1_000;

export const EAGER: CompactSettings = {
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: DELETE_RETENTION_MS,
};

/** A record as the model and the log know it; `value` null is a tombstone. */
export interface KeyedRecord {
  readonly key: string;
  readonly value: string | null;
}

export interface PlacedRecord extends KeyedRecord {
  readonly offset: number;
}

/** One compacted partition, what was stored in it, and what its compactions were seen to do. */
export interface World {
  readonly clock: VirtualClock;
  readonly parts: EngineParts;
  readonly pk: string;
  readonly history: PlacedRecord[];
  /** One chunk; every list one batch. */
  produce(batches: readonly (readonly KeyedRecord[])[], options?: ProduceOptions): Promise<void>;
  /** Every chunk becomes a segment. */
  seal(): Promise<void>;
  compact(settings?: Partial<CompactSettings>, parts?: EngineParts): Promise<CompactOutcome>;
  readAll(): Promise<PlacedRecord[]>;
  segments(): Promise<Segment[]>;
  checkpoint(): Promise<Checkpoint>;
  /** What a reader from the beginning must not see, or miss. */
  violations(): Promise<string[]>;
}

export interface ProduceOptions {
  readonly compression?: CompressionName;
  readonly producer?: {
    readonly producerId: number;
    readonly producerEpoch: number;
    readonly baseSequence: number;
  };
}

const SEAL_AT_ONCE = { segmentBytes: 1, segmentMs: 1, hotRetentionMs: 604_800_000 };

export async function openWorld(): Promise<World> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const parts = engineParts(storage);
  const newLog = (): Promise<Log> => openLog(storage, newCall(clock));
  const log = await newLog();
  const configs = { 'cleanup.policy': 'compact' };
  const { topicId } = await log.createTopic({ name: 't', configs }, newCall(clock));
  const pk = partitionKey(topicId, 0);
  const history: PlacedRecord[] = [];
  /** When each offset was first seen below *clean to*. */
  const cleanedMs = new Map<number, number>();

  const checkpoint = async (): Promise<Checkpoint> => readCheckpoint(parts.catalog, pk, newCall(clock));

  const readAll = async (): Promise<PlacedRecord[]> => {
    const reader = await newLog();
    const records: PlacedRecord[] = [];
    for (let offset = 0; ; ) {
      const read = await reader.fetch({ topic: 't', partition: 0, offset, maxBytes: 200 }, newCall(clock));
      for (const batch of read.batches) records.push(...decodeBatch(codecs, batch).map(placed));
      if (read.nextOffset === offset) return records;
      offset = read.nextOffset;
    }
  };

  return {
    clock,
    parts,
    pk,
    history,
    produce: async (lists, options = {}) => {
      const batches = lists.map((records) =>
        encodeBatch(
          codecs,
          records.map((record) => encodable(record, clock.wallMs())),
          { compression: options.compression ?? 'none', ...options },
        ),
      );
      const produced = await log.produce(
        { topic: 't', partition: 0, batches: Buffer.concat(batches) },
        newCall(clock),
      );
      lists.flat().forEach((record, i) => {
        history.push({ ...record, offset: produced.baseOffset + i });
      });
    },
    seal: async () => {
      while ((await sealOnce(parts, pk, SEAL_AT_ONCE, newCall(clock))).kind === 'sealed');
    },
    compact: async (settings, through = parts) => {
      const outcome = await compactOnce(through, pk, { ...EAGER, ...settings }, newCall(clock));
      const { cleanTo } = await checkpoint();
      for (let offset = 0; offset < cleanTo; offset += 1) {
        if (!cleanedMs.has(offset)) cleanedMs.set(offset, clock.wallMs());
      }
      return outcome;
    },
    readAll,
    segments: async () => {
      const found: Segment[] = [];
      for await (const segment of segmentsOf(parts.catalog, pk, newCall(clock))) found.push(segment);
      return found;
    },
    checkpoint,
    violations: async () => {
      const tombstoneMayGo = (offset: number): boolean =>
        clock.wallMs() - (cleanedMs.get(offset) ?? Number.POSITIVE_INFINITY) >= DELETE_RETENTION_MS;
      return judge(history, await readAll(), tombstoneMayGo);
    },
  };
}

function encodable(record: KeyedRecord, timestampMs: number) {
  const { key, value } = record;
  return {
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [],
    timestampMs,
  };
}

function placed({ offset, key, value }: ReturnType<typeof decodeBatch>[number]): PlacedRecord {
  return {
    offset,
    key: Buffer.from(key ?? []).toString(),
    value: value && Buffer.from(value).toString(),
  };
}

/** Written without a look at how compaction works: what was stored, what is read, and the promise between them. */
function judge(
  history: readonly PlacedRecord[],
  read: readonly PlacedRecord[],
  tombstoneMayGo: (offset: number) => boolean,
): string[] {
  const found: string[] = [];
  const stored = new Map(history.map((record) => [record.offset, record]));
  let last = -1;
  for (const record of read) {
    const { offset } = record;
    if (offset <= last) found.push(`${offset} is read after ${last}`);
    last = offset;
    const original = stored.get(offset);
    if (original?.key !== record.key || original.value !== record.value)
      found.push(`${offset} is not what was stored`);
  }
  const visible = new Set(read.map(({ offset }) => offset));
  const newest = new Map(history.map((record) => [record.key, record]));
  for (const { key, offset, value } of newest.values()) {
    if (visible.has(offset)) continue;
    if (value !== null) found.push(`the last value of ${key} at ${offset} is missing`);
    else if (!tombstoneMayGo(offset)) found.push(`the tombstone of ${key} at ${offset} went early`);
    else if (read.some((record) => record.key === key)) found.push(`${key} came back`);
  }
  return found;
}

/** `kvs('a1 b2 a-')`: a is 1, b is 2, a is deleted. */
export function kvs(text: string): KeyedRecord[] {
  return text.split(' ').map((word) => {
    const value = word.slice(1);
    return { key: word.slice(0, 1), value: value === '-' ? null : value };
  });
}

export const textsOf = (records: readonly PlacedRecord[]): string =>
  records.map(({ offset, key, value }) => `${offset}:${key}${value ?? '-'}`).join(' ');
