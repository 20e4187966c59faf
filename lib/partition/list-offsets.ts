import type { EngineParts } from '../engine-parts.ts';
import type { ListedOffset, ListOffsetsRequest } from '../log.ts';
import { decodeBatch } from '../record/decode-batch.ts';
import { readBatchHeader } from '../record/header.ts';
import { placedBatches } from '../segment/read/placed-batches.ts';
import { readRange } from '../segment/read/read-segment.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, type Segment, segmentFromItem } from '../segment/segment-item.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Table } from '../storage/table.ts';
import { type Chunk, chunkFromItem } from './chunk.ts';
import { extentsOf } from './chunk-extents.ts';
import { lookAgainIfDamaged } from './faults.ts';
import { loadPieces } from './load-pieces.ts';
import type { PartitionState } from './partition-state.ts';
import { planRead } from './read-plan.ts';
import { type Bounds, readTail } from './tail.ts';

type Dependencies = Pick<EngineParts, 'hot' | 'catalog' | 'bucket' | 'codecs' | 'rules'>;

interface LogView {
  readonly pk: string;
  readonly bounds: Bounds;
}

/** Part of a log that knows its largest timestamp without being read. */
interface Extent {
  readonly baseOffset: number;
  readonly maxTimestampMs: number;
  /**
   * Its batches in offset order, read as they are asked for. Those before the first one that reaches `timestampMs` may
   * be left out, and any other that does not.
   */
  readonly batches: (timestampMs: number, call: Call) => AsyncGenerator<Uint8Array>;
}

const EXTENTS_PER_PAGE = 256;
/** What is read of a segment at once, after a first look has not been enough. */
const WINDOW_BYTES = 1_048_576;
const NONE: ListedOffset = { offset: -1, timestampMs: -1 };

/** Kafka's ListOffsets for one partition; consistent. */
export function listOffset(
  deps: Dependencies,
  partition: { readonly pk: string; readonly state: PartitionState },
  at: ListOffsetsRequest['at'],
  call: Call,
): Promise<ListedOffset> {
  const { pk, state } = partition;
  // What was looked at may have been sealed and removed, or replaced, before it was read.
  return lookAgainIfDamaged(`Partition ${pk}`, async () => {
    const { tail, bounds } = await readTail(deps, pk, deps.rules, call);
    state.learnBounds(bounds);
    if (at === 'earliest') return { offset: bounds.logStart, timestampMs: -1 };
    if (at === 'latest') return { offset: tail.offset, timestampMs: -1 };
    const log = { pk, bounds };
    const found =
      at === 'max-timestamp'
        ? await offsetOfMaxTimestamp(deps, log, call)
        : await offsetForTimestamp(deps, log, at.timestampMs, call);
    return found ?? NONE;
  });
}

/** Whether the partition's end lies at or beyond `offset`; looks, consistently, only if this process has not seen it so. */
export async function reaches(
  deps: Pick<EngineParts, 'hot' | 'catalog' | 'rules'>,
  { pk, state }: { readonly pk: string; readonly state: PartitionState },
  offset: number,
  call: Call,
): Promise<boolean> {
  if (offset <= (state.knownEnd ?? -1)) return true;
  const { tail, bounds } = await readTail(deps, pk, deps.rules, call);
  state.learnBounds(bounds);
  state.learnEnd(tail.offset);
  return offset <= tail.offset;
}

/** The first record at or after a timestamp, in offset order (timestamps need not be in order). */
async function offsetForTimestamp(
  deps: Dependencies,
  log: LogView,
  timestampMs: number,
  call: Call,
): Promise<ListedOffset | undefined> {
  for await (const extent of logExtents(deps, log, call)) {
    if (extent.maxTimestampMs < timestampMs) continue;
    const found = await firstAtOrAfter(deps, log, extent.batches(timestampMs, call), timestampMs);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first record with the largest timestamp of the log. */
async function offsetOfMaxTimestamp(
  deps: Dependencies,
  log: LogView,
  call: Call,
): Promise<ListedOffset | undefined> {
  let best: Extent | undefined;
  /** The log may start in the middle of it, behind the record that its largest timestamp is from. */
  let first: Extent | undefined;
  for await (const extent of logExtents(deps, log, call)) {
    if (extent.baseOffset < log.bounds.logStart) first = extent;
    else if (best === undefined || extent.maxTimestampMs > best.maxTimestampMs) best = extent;
  }
  const bestMs = best?.maxTimestampMs ?? Number.NEGATIVE_INFINITY;
  if (first !== undefined && first.maxTimestampMs >= bestMs) {
    const found = await largestFrom(deps, log, first, call);
    if (found !== undefined && found.timestampMs >= bestMs) return found;
  }
  return best && firstAtOrAfter(deps, log, best.batches(bestMs, call), bestMs);
}

async function largestFrom(
  deps: Dependencies,
  log: LogView,
  extent: Extent,
  call: Call,
): Promise<ListedOffset | undefined> {
  let largest: ListedOffset | undefined;
  for await (const batch of extent.batches(Number.NEGATIVE_INFINITY, call)) {
    for (const { offset, timestampMs } of decodeBatch(deps.codecs, batch)) {
      if (offset >= log.bounds.logStart && timestampMs > (largest?.timestampMs ?? Number.NEGATIVE_INFINITY)) {
        largest = { offset, timestampMs };
      }
    }
  }
  return largest;
}

async function firstAtOrAfter(
  deps: Dependencies,
  log: LogView,
  batches: AsyncGenerator<Uint8Array>,
  timestampMs: number,
): Promise<ListedOffset | undefined> {
  for await (const batch of batches) {
    if (readBatchHeader(batch).maxTimestampMs < timestampMs) continue;
    const found = decodeBatch(deps.codecs, batch).find(
      (record) => record.timestampMs >= timestampMs && record.offset >= log.bounds.logStart,
    );
    if (found !== undefined) return { offset: found.offset, timestampMs: found.timestampMs };
  }
  return undefined;
}

/** Throws `StorageFault` (`damaged`) at a gap: an answer from behind it would be wrong. */
async function* logExtents(deps: Dependencies, { pk, bounds }: LogView, call: Call): AsyncGenerator<Extent> {
  for await (const segment of segmentsOf(deps.catalog, pk, call)) {
    if (segment.endOffset <= bounds.logStart || segment.baseOffset >= bounds.sealedEnd) continue;
    const { baseOffset, maxTimestampMs } = segment;
    yield {
      baseOffset,
      maxTimestampMs,
      batches: (ms, forCall) => batchesOfSegment(deps, segment, ms, forCall),
    };
  }
  let end = bounds.sealedEnd;
  for await (const chunk of chunksFrom(deps.hot, pk, bounds.sealedEnd, call)) {
    const { baseOffset, maxTimestampMs } = chunk;
    // ⚑ A log that was begun further on has nothing below its start.
    if (baseOffset !== end && baseOffset > bounds.logStart) {
      throw new StorageFault('damaged', `Partition ${pk}: the hot chain has a gap at offset ${end}`);
    }
    end = chunk.endOffset;
    if (end <= bounds.logStart) continue;
    if (chunk.body.kind === 'closed') return;
    yield { baseOffset, maxTimestampMs, batches: (ms, forCall) => batchesOfChunk(deps, chunk, ms, forCall) };
  }
}

async function* segmentsOf(catalog: Table<string>, pk: string, call: Call): AsyncGenerator<Segment> {
  let after: string | undefined;
  let end = -1;
  for (;;) {
    const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, limit: EXTENTS_PER_PAGE, consistent: true };
    const page = await catalog.query(pk, after === undefined ? range : { ...range, after }, call);
    for (const item of page.items) {
      if (item.sk === LOG_START_KEY) continue;
      const segment = segmentFromItem(item);
      // Where segments were merged, the first covers the others until those are gone.
      if (segment.endOffset > end) yield segment;
      end = Math.max(end, segment.endOffset);
    }
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

/** The hot chain from `offset`, consistent, in order. */
async function* chunksFrom(
  hot: Table<number>,
  pk: string,
  offset: number,
  call: Call,
): AsyncGenerator<Chunk> {
  let after: number | undefined;
  for (;;) {
    const range = { from: offset, limit: EXTENTS_PER_PAGE, consistent: true };
    const page = await hot.query(pk, after === undefined ? range : { ...range, after }, call);
    for (const item of page.items) yield chunkFromItem(item);
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

/**
 * First from the index entry before the one that has seen the timestamp to the one behind it: what is looked for begins
 * there. Then the rest.
 */
async function* batchesOfSegment(
  deps: Dependencies,
  segment: Segment,
  timestampMs: number,
  call: Call,
): AsyncGenerator<Uint8Array> {
  const { index } = segment;
  const seen = index.findIndex((entry) => entry.maxTimestampMs >= timestampMs);
  let start = index[seen === -1 ? index.length - 1 : Math.max(0, seen - 1)]?.position ?? 0;
  let end = (seen === -1 ? undefined : index[seen + 1]?.position) ?? segment.bytes;
  while (start < end) {
    const bytes = await readRange(deps.bucket, segment, { start, length: end - start }, call);
    const part = { bytes, position: start, offsetMin: segment.baseOffset };
    for (const { position, endPosition } of placedBatches(segment, part)) {
      yield bytes.subarray(position - start, endPosition - start);
    }
    start = end;
    const windowEnd = start + WINDOW_BYTES;
    end = index.find((entry) => entry.position >= windowEnd)?.position ?? segment.bytes;
  }
}

async function* batchesOfChunk(
  deps: Dependencies,
  chunk: Chunk,
  timestampMs: number,
  call: Call,
): AsyncGenerator<Uint8Array> {
  for (const { baseOffset, maxTimestampMs } of extentsOf(chunk)) {
    if (maxTimestampMs >= timestampMs)
      yield* await loadPieces(deps.bucket, planRead([chunk], baseOffset, 1), call);
  }
}
