import { type Chunk, chunkFromItem } from '../../../lib/partition/chunk.ts';
import { batchesIn, type Codecs, decodeBatch } from '../../../lib/record/index.ts';
import type { Storage } from '../storage.ts';

/** A batch as it entered the hot table. */
export interface SeenBatch {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly atMs: number;
  readonly crc: number;
}

export interface SeenChunk {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly atMs: number;
  readonly by: string;
}

/** All that was ever stored in one partition, in the order in which it was. */
export interface SeenPartition {
  readonly chunks: readonly SeenChunk[];
  readonly batches: readonly SeenBatch[];
  /** By offset; a second record at an offset is in `twice`. */
  readonly records: ReadonlyMap<number, SeenRecord>;
  readonly twice: readonly number[];
  endAt(ms: number): number;
}

export interface SeenRecord {
  readonly offset: number;
  readonly key: string;
  readonly text: string;
  readonly timestampMs: number;
  /** Of everything that is in the record. */
  readonly print: string;
}

export const NOTHING_SEEN: SeenPartition = {
  chunks: [],
  batches: [],
  records: new Map(),
  twice: [],
  endAt: () => 0,
};

/** From storage's own history of the hot table, in which nothing expires; by partition key. */
export function seenIn(storage: Storage, codecs: Codecs): ReadonlyMap<string, SeenPartition> {
  const found = new Map<string, ReturnType<typeof newPartition>>();
  for (const { cause, item, before, key, atMs, by } of storage.hot.changes) {
    if (cause !== 'put' || item === undefined || before !== undefined) continue;
    const partition = found.get(key.pk) ?? newPartition();
    found.set(key.pk, partition);
    const chunk = chunkFromItem(item);
    // The marker of a freeze is gone when the region is thawed.
    if (chunk.body.kind === 'closed') continue;
    partition.chunks.push({ baseOffset: chunk.baseOffset, endOffset: chunk.endOffset, atMs, by });
    addRecords(partition, chunk, { storage, codecs, atMs });
  }
  return found;
}

function addRecords(
  { batches, records, twice }: ReturnType<typeof newPartition>,
  chunk: Chunk,
  { storage, codecs, atMs }: { readonly storage: Storage; readonly codecs: Codecs; readonly atMs: number },
): void {
  let base = chunk.baseOffset;
  for (const { header, bytes } of batchesIn(bytesOf(chunk, storage))) {
    // What a produce spilled keeps the offsets of its first attempt.
    if (chunk.keepsOffsets === true) base = header.baseOffset;
    const endOffset = base + header.lastOffsetDelta + 1;
    batches.push({ baseOffset: base, endOffset, atMs, crc: header.crc });
    for (const record of recordsOf(codecs, bytes, base - header.baseOffset)) {
      if (records.has(record.offset)) twice.push(record.offset);
      else records.set(record.offset, record);
    }
    base = endOffset;
  }
}

export function recordsOf(codecs: Codecs, batch: Uint8Array, shift = 0): SeenRecord[] {
  return decodeBatch(codecs, batch).map(({ offset, key, value, headers, timestampMs }) => ({
    offset: offset + shift,
    key: textOf(key),
    text: textOf(value),
    timestampMs,
    print: JSON.stringify([textOf(key), textOf(value), timestampMs, headers.map((one) => one.key)]),
  }));
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? '∅' : Buffer.from(bytes).toString('latin1');
}

function newPartition() {
  const chunks: SeenChunk[] = [];
  return {
    chunks,
    batches: [] as SeenBatch[],
    records: new Map<number, SeenRecord>(),
    twice: [] as number[],
    endAt: (ms: number): number =>
      chunks.reduce((end, { endOffset, atMs }) => (atMs <= ms ? Math.max(end, endOffset) : end), 0),
  };
}

function bytesOf({ body }: Chunk, { bucket }: Storage): Uint8Array {
  if (body.kind === 'closed') return new Uint8Array();
  if (body.kind === 'inline') return body.bytes;
  const { key, start, length } = body.span;
  return bucket.everStored(key)?.subarray(start, start + length) ?? new Uint8Array();
}
