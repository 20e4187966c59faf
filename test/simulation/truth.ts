import { type Chunk, chunkFromItem } from '../../lib/partition/chunk.ts';
import { batchesIn, type Codecs } from '../../lib/record/index.ts';
import { TOPICS_KEY, topicFromItem } from '../../lib/topic/topic-item.ts';
import type { BucketServer } from './bucket-server.ts';
import type { ProducerMark } from './history.ts';
import { decodeRecords, type TextRecord } from './records.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';

/** What really was stored, rebuilt from storage's own history, in which nothing expires. */
export interface Truth {
  readonly partitions: ReadonlyMap<string, TruePartition>;
  readonly lives: readonly TopicLife[];
  /** Every place at which a text was ever stored. */
  readonly places: ReadonlyMap<string, readonly Place[]>;
}

/** One chunk at the moment it entered the hot table. */
export interface TrueChunk {
  readonly chunk: Chunk;
  readonly atMs: number;
  readonly by: string;
  readonly records: readonly TextRecord[];
  /** Those of idempotent producers. */
  readonly produced: readonly ProducedBatch[];
  /** Of its batches. */
  readonly bytes: number;
  /** Why its records cannot be read. */
  readonly damage: string | undefined;
}

/** A batch with a producer id. */
export interface ProducedBatch extends ProducerMark {
  readonly baseOffset: number;
  readonly recordCount: number;
}

export interface TruePartition {
  readonly pk: string;
  /** In the order in which they were stored. */
  readonly chunks: readonly TrueChunk[];
  /** The first record that was stored at each offset. */
  readonly records: ReadonlyMap<number, TextRecord>;
  endAt(ms: number): number;
}

export interface Place {
  readonly pk: string;
  readonly offset: number;
  readonly atMs: number;
}

/** A topic between its creation and its end; a re-created name is another life. */
export interface TopicLife {
  readonly name: string;
  readonly topicId: string;
  readonly createdMs: number;
  /** Infinity while it is active. */
  deletingMs: number;
  forgottenMs: number;
}

export function readTruth(storage: Storage, codecs: Codecs): Truth {
  const partitions = new Map<string, ReturnType<typeof newPartition>>();
  const places = new Map<string, Place[]>();
  for (const change of storage.hot.changes) {
    if (change.cause !== 'put' || change.item === undefined || change.before !== undefined) continue;
    const chunk = trueChunk(change, storage.bucket, codecs);
    const { pk } = change.key;
    const partition = partitions.get(pk) ?? newPartition();
    partitions.set(pk, partition);
    partition.chunks.push(chunk);
    for (const record of chunk.records) {
      if (!partition.records.has(record.offset)) partition.records.set(record.offset, record);
      const known = places.get(record.text) ?? [];
      places.set(record.text, known);
      known.push({ pk, offset: record.offset, atMs: change.atMs });
    }
  }
  return {
    partitions: new Map(
      [...partitions].map(([pk, { chunks, records }]) => [
        pk,
        { pk, chunks, records, endAt: (ms) => endOf(chunks, ms) },
      ]),
    ),
    lives: topicLives(storage.catalog.changes),
    places,
  };
}

/** Every topic that the name has stood for. */
export function livesOf(truth: Truth, name: string): readonly TopicLife[] {
  return truth.lives.filter((life) => life.name === name);
}

/** Whether the partition's topic was on its way out, or gone. */
export function isDeleting(truth: Truth, pk: string, atMs: number): boolean {
  const life = truth.lives.find(({ topicId }) => pk.startsWith(`${topicId}:`));
  return life === undefined || life.deletingMs <= atMs;
}

function newPartition(): { chunks: TrueChunk[]; records: Map<number, TextRecord> } {
  return { chunks: [], records: new Map() };
}

function endOf(chunks: readonly TrueChunk[], ms: number): number {
  let end = 0;
  for (const { chunk, atMs } of chunks) if (atMs <= ms) end = Math.max(end, chunk.endOffset);
  return end;
}

function trueChunk(change: Change<number>, bucket: BucketServer, codecs: Codecs): TrueChunk {
  const { atMs, by, item } = change;
  if (item === undefined) throw new TypeError('a deletion is no chunk');
  const chunk = chunkFromItem(item);
  const bytes = chunkBytes(chunk, bucket);
  if (typeof bytes === 'string') return { chunk, atMs, by, ...NOTHING, bytes: 0, damage: bytes };
  const content = contentOf(bytes, codecs, chunk.baseOffset);
  const { length } = content.records;
  const damage = chunk.baseOffset + length === chunk.endOffset ? undefined : `holds ${length} records`;
  return { chunk, atMs, by, ...content, bytes: bytes.length, damage };
}

type Content = Pick<TrueChunk, 'records' | 'produced'>;

const NOTHING: Content = { records: [], produced: [] };

function chunkBytes({ body }: Chunk, bucket: BucketServer): Uint8Array | string {
  if (body.kind === 'closed') return new Uint8Array();
  if (body.kind === 'inline') return body.bytes;
  const { key, start, length } = body.span;
  const object = bucket.everStored(key);
  return object === undefined ? `points to ${key}, which never was` : object.subarray(start, start + length);
}

/** What is in whole batches; the places count from `baseOffset`, whatever base offsets stand in the bytes. */
function contentOf(bytes: Uint8Array, codecs: Codecs, baseOffset: number): Content {
  const records: TextRecord[] = [];
  const produced: ProducedBatch[] = [];
  let base = baseOffset;
  for (const { header, bytes: batch } of batchesIn(bytes)) {
    const shift = base - header.baseOffset;
    for (const record of decodeRecords(codecs, batch)) {
      records.push({ ...record, offset: record.offset + shift });
    }
    const { producerId, producerEpoch, baseSequence, recordCount } = header;
    if (producerId >= 0) {
      produced.push({ producerId, producerEpoch, baseSequence, recordCount, baseOffset: base });
    }
    base += header.lastOffsetDelta + 1;
  }
  return { records, produced };
}

function topicLives(changes: readonly Change<string>[]): TopicLife[] {
  const lives: TopicLife[] = [];
  for (const { key, item, atMs } of changes) {
    if (key.pk !== TOPICS_KEY) continue;
    const topic = item && topicFromItem(item);
    const last = lives.findLast((life) => life.name === key.sk);
    if (last !== undefined && last.topicId !== topic?.topicId) {
      last.forgottenMs = Math.min(last.forgottenMs, atMs);
      last.deletingMs = Math.min(last.deletingMs, atMs);
    }
    if (topic === undefined) continue;
    if (last?.topicId !== topic.topicId) {
      lives.push({
        name: key.sk,
        topicId: topic.topicId,
        createdMs: atMs,
        deletingMs: Number.POSITIVE_INFINITY,
        forgottenMs: Number.POSITIVE_INFINITY,
      });
    }
    const current = lives.at(-1);
    if (topic.state === 'deleting' && current !== undefined) {
      const life = lives.findLast(({ topicId }) => topicId === topic.topicId) ?? current;
      life.deletingMs = Math.min(life.deletingMs, atMs);
    }
  }
  return lives;
}
