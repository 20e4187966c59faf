import { batchesIn } from '../record/batches-in.ts';
import type { Codecs } from '../record/codecs.ts';
import { decodeBatch } from '../record/decode-batch.ts';
import { readRange } from '../segment/read-segment.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, type Segment, segmentFromItem } from '../segment/segment-item.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Call } from '../storage/call.ts';
import type { Table } from '../storage/table.ts';
import { summarize } from './batch-summary.ts';
import { type Chunk, chunkFromItem } from './chunk.ts';
import { loadPieces } from './load-pieces.ts';
import { planRead } from './read-plan.ts';
import type { Bounds } from './tail.ts';

interface Dependencies {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
  readonly codecs: Codecs;
}

export interface TimedOffset {
  readonly offset: number;
  readonly timestampMs: number;
}

/** Part of a log that knows its largest timestamp without being read. */
interface Extent {
  readonly maxTimestampMs: number;
  /** The batches among which the first record at or after `timestampMs` is, if this extent has one. */
  readonly load: (timestampMs: number, call: Call) => Promise<readonly Uint8Array[]>;
}

const EXTENTS_PER_PAGE = 256;

/** The first record at or after a timestamp, in offset order (timestamps need not be in order). */
export async function offsetForTimestamp(
  deps: Dependencies,
  log: { readonly pk: string; readonly bounds: Bounds },
  timestampMs: number,
  call: Call,
): Promise<TimedOffset | undefined> {
  for await (const extent of extentsOf(deps, log, call)) {
    if (extent.maxTimestampMs < timestampMs) continue;
    const found = firstAtOrAfter(
      deps.codecs,
      await extent.load(timestampMs, call),
      timestampMs,
      log.bounds.logStart,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first record with the largest timestamp of the log. */
export async function offsetOfMaxTimestamp(
  deps: Dependencies,
  log: { readonly pk: string; readonly bounds: Bounds },
  call: Call,
): Promise<TimedOffset | undefined> {
  let best: Extent | undefined;
  for await (const extent of extentsOf(deps, log, call)) {
    if (best === undefined || extent.maxTimestampMs > best.maxTimestampMs) best = extent;
  }
  if (best === undefined) return undefined;
  const batches = await best.load(best.maxTimestampMs, call);
  return firstAtOrAfter(deps.codecs, batches, best.maxTimestampMs, log.bounds.logStart);
}

async function* extentsOf(
  deps: Dependencies,
  log: { readonly pk: string; readonly bounds: Bounds },
  call: Call,
): AsyncGenerator<Extent> {
  const { pk, bounds } = log;
  for await (const segment of segmentsOf(deps.catalog, pk, call)) {
    if (segment.endOffset <= bounds.logStart || segment.baseOffset >= bounds.sealedEnd) continue;
    yield {
      maxTimestampMs: segment.maxTimestampMs,
      load: (ms, forCall) => loadFromSegment(deps, segment, ms, forCall),
    };
  }
  for await (const chunk of chunksFrom(deps.hot, pk, bounds.sealedEnd, call)) {
    if (chunk.body.kind === 'closed') return;
    if (chunk.endOffset <= bounds.logStart) continue;
    yield {
      maxTimestampMs: chunk.maxTimestampMs,
      load: (ms, forCall) => loadFromChunk(deps, chunk, ms, forCall),
    };
  }
}

async function* segmentsOf(catalog: Table<string>, pk: string, call: Call): AsyncGenerator<Segment> {
  let after: string | undefined;
  for (;;) {
    const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, limit: EXTENTS_PER_PAGE, consistent: true };
    const page = await catalog.query(pk, after === undefined ? range : { ...range, after }, call);
    for (const item of page.items) if (item.sk !== LOG_START_KEY) yield segmentFromItem(item);
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

/** The hot chain from `offset`, consistent, in order. */
export async function* chunksFrom(
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

/** From the index entry before the first that has seen the timestamp, to the one behind it. */
async function loadFromSegment(
  deps: Dependencies,
  segment: Segment,
  timestampMs: number,
  call: Call,
): Promise<readonly Uint8Array[]> {
  const seen = segment.index.findIndex((entry) => entry.maxTimestampMs >= timestampMs);
  const from = seen === -1 ? segment.index.length - 1 : Math.max(0, seen - 1);
  const start = segment.index[from]?.position ?? 0;
  const end = (seen === -1 ? undefined : segment.index[seen + 1]?.position) ?? segment.bytes;
  const bytes = await readRange(deps.bucket, segment, { start, length: end - start }, call);
  return Array.from(batchesIn(bytes), (batch) => batch.bytes);
}

async function loadFromChunk(
  deps: Dependencies,
  chunk: Chunk,
  timestampMs: number,
  call: Call,
): Promise<readonly Uint8Array[]> {
  let offset = chunk.baseOffset;
  for (const batch of summariesOf(chunk)) {
    if (batch.maxTimestampMs >= timestampMs)
      return loadPieces(deps.bucket, planRead([chunk], offset, 1), call);
    offset += batch.offsetCount;
  }
  return [];
}

function summariesOf(
  chunk: Chunk,
): readonly { readonly maxTimestampMs: number; readonly offsetCount: number }[] {
  if (chunk.body.kind === 'spilled') return chunk.body.batches;
  return chunk.body.kind === 'inline'
    ? Array.from(batchesIn(chunk.body.bytes), ({ header }) => summarize(header))
    : [];
}

function firstAtOrAfter(
  codecs: Codecs,
  batches: readonly Uint8Array[],
  timestampMs: number,
  logStart: number,
): TimedOffset | undefined {
  for (const batch of batches) {
    const found = decodeBatch(codecs, batch).find(
      (record) => record.timestampMs >= timestampMs && record.offset >= logStart,
    );
    if (found !== undefined) return { offset: found.offset, timestampMs: found.timestampMs };
  }
  return undefined;
}
