import { LIMITS } from '../limits.ts';
import { type Chunk, chunkFromItem } from '../partition/chunk.ts';
import { readingStored } from '../partition/faults.ts';
import { loadPieces } from '../partition/load-pieces.ts';
import { contiguousFrom, planRead } from '../partition/read-plan.ts';
import { readBounds } from '../partition/tail.ts';
import { verifyBatchCrc } from '../record/checksum.ts';
import type { Codecs } from '../record/codecs.ts';
import { readBatchHeader } from '../record/header.ts';
import type { Rules } from '../rules.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Random } from '../storage/random.ts';
import type { Table } from '../storage/table.ts';
import { type Segment, type SegmentIndexEntry, segmentObjectKey, segmentToItem } from './segment-item.ts';

export interface SealDependencies {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly random: Random;
  readonly rules: Rules;
}

export interface SealSettings {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly hotRetentionMs: number;
}

export type SealOutcome =
  | { readonly kind: 'sealed'; readonly segment: Segment }
  /** Too young and too small. */
  | { readonly kind: 'notDue'; readonly sealedEnd: number }
  /** Another sealer was first; its segment stands, our object is collected later. */
  | { readonly kind: 'lost' };

/** What a sealer holds in memory at once. */
const SEAL_BYTES_MAX = 67_108_864;
const CHUNKS_PER_PAGE = 64;

/**
 * Moves the oldest unsealed chunks of a partition to one object and appends its item to the segment chain, if they are
 * due by bytes or by age. ⚑ A sealer always starts at the chain's end; data before metadata, so that one that dies
 * half-way leaves an object nothing refers to. Throws `StorageFault` (`damaged`: a gap in the hot chain, a bad CRC, or a
 * batch that does not begin where the one before ended: what is sealed replaces the only sound copy).
 */
export function sealOnce(
  deps: SealDependencies,
  pk: string,
  settings: SealSettings,
  call: Call,
): Promise<SealOutcome> {
  return readingStored(`Partition ${pk}`, () => seal(deps, pk, settings, call));
}

async function seal(
  deps: SealDependencies,
  pk: string,
  settings: SealSettings,
  call: Call,
): Promise<SealOutcome> {
  const { sealedEnd } = await readBounds(deps.catalog, pk, { consistent: true }, call);
  const segmentBytes = Math.min(settings.segmentBytes, SEAL_BYTES_MAX);
  const chunks = await collect(deps, { pk, sealedEnd, bytesMax: segmentBytes }, call);
  if (!isDue(chunks, { ...settings, segmentBytes }, deps.clock.wallMs()))
    return { kind: 'notDue', sealedEnd };

  const batches = await loadPieces(deps.bucket, planRead(chunks, sealedEnd, Number.POSITIVE_INFINITY), call);
  for (const batch of batches) verifyBatchCrc(deps.codecs, batch);
  refuseMisplaced(pk, chunks, batches);
  const objectKey = segmentObjectKey(pk, deps.random.id(), sealedEnd);
  const { observation: uploaded } = await deps.bucket.put(objectKey, Buffer.concat(batches), call);
  const segment = { ...describeSegment(sealedEnd, batches), version: deps.random.id(), objectKey };

  // Reading and uploading took its time: the chain's end is looked at again, and the write rests on that look.
  const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
  if (bounds.sealedEnd !== sealedEnd) return { kind: 'lost' };
  const fences = [
    ...(deps.rules.fence ? [{ observation: bounds.observation, ageMsMax: LIMITS.fenceAgeMsMax }] : []),
    ...(deps.rules.firstReference
      ? [{ observation: uploaded, ageMsMax: LIMITS.firstReferenceAgeMsMax }]
      : []),
  ];
  const options = { condition: { kind: 'ifAbsent' } as const, fences };
  const result = await deps.catalog.put(segmentToItem(pk, segment), options, call);
  return result.stored ? { kind: 'sealed', segment } : { kind: 'lost' };
}

/** The contiguous chunks from the sealed end on, until there are `bytesMax` of them. */
async function collect(
  deps: SealDependencies,
  from: { readonly pk: string; readonly sealedEnd: number; readonly bytesMax: number },
  call: Call,
): Promise<Chunk[]> {
  const { pk, sealedEnd, bytesMax } = from;
  const chunks: Chunk[] = [];
  let bytes = 0;
  let end = sealedEnd;
  for (;;) {
    const page = await deps.hot.query(pk, { from: end, limit: CHUNKS_PER_PAGE, consistent: true }, call);
    const found = page.items.map(chunkFromItem);
    const run = contiguousFrom(found, end, true);
    const first = found[0];
    if (run.length === 0 && first !== undefined && first.baseOffset !== end)
      await refuseGap(deps, pk, sealedEnd, end, call);
    for (const chunk of run) {
      if (bytes >= bytesMax) return chunks;
      chunks.push(chunk);
      bytes += chunkBytes(chunk);
      end = chunk.endOffset;
    }
    if (run.length === 0 || (!page.more && run.length === found.length)) return chunks;
  }
}

/** ⚑ A gap is an incident, never skipped; unless another sealer moved on while this one was frozen. */
async function refuseGap(
  deps: SealDependencies,
  pk: string,
  sealedEnd: number,
  offset: number,
  call: Call,
): Promise<void> {
  const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
  if (bounds.sealedEnd !== sealedEnd) return;
  throw new StorageFault('damaged', `Partition ${pk}: the hot chain has a gap at offset ${offset}`);
}

/** The batches must cover exactly the offsets that the chunks say, or the chain would go on from a wrong end. */
function refuseMisplaced(pk: string, chunks: readonly Chunk[], batches: readonly Uint8Array[]): void {
  let expected = chunks[0]?.baseOffset;
  for (const batch of batches) {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(batch);
    if (baseOffset !== expected) {
      throw new StorageFault(
        'damaged',
        `Partition ${pk}: at offset ${expected} is a batch for ${baseOffset}`,
      );
    }
    expected = baseOffset + lastOffsetDelta + 1;
  }
  const end = chunks.at(-1)?.endOffset;
  if (expected !== end) {
    throw new StorageFault(
      'damaged',
      `Partition ${pk}: the batches end at offset ${expected}, not at ${end}`,
    );
  }
}

function chunkBytes(chunk: Chunk): number {
  if (chunk.body.kind === 'inline') return chunk.body.bytes.length;
  return chunk.body.kind === 'spilled' ? chunk.body.span.length : 0;
}

function isDue(chunks: readonly Chunk[], settings: SealSettings, nowMs: number): boolean {
  const [oldest] = chunks;
  if (oldest === undefined) return false;
  const bytes = chunks.reduce((total, chunk) => total + chunkBytes(chunk), 0);
  if (bytes >= settings.segmentBytes) return true;
  // An item's expiry tells when it was written: that far ahead.
  const writtenMs = (oldest.expiresAtSeconds ?? 0) * 1000 - settings.hotRetentionMs;
  return nowMs - writtenMs >= Math.min(settings.segmentMs, settings.hotRetentionMs / 7);
}

function describeSegment(
  baseOffset: number,
  batches: readonly Uint8Array[],
): Omit<Segment, 'version' | 'objectKey'> {
  const bytes = batches.reduce((total, batch) => total + batch.length, 0);
  const bytesPerEntry = Math.max(4_096, Math.ceil(bytes / LIMITS.segmentIndexEntriesMax));
  const index: SegmentIndexEntry[] = [];
  let position = 0;
  let firstTimestampMs = Number.POSITIVE_INFINITY;
  let maxTimestampMs = -1;
  let endOffset = baseOffset;
  for (const batch of batches) {
    const header = readBatchHeader(batch);
    firstTimestampMs = Math.min(firstTimestampMs, header.baseTimestampMs);
    maxTimestampMs = Math.max(maxTimestampMs, header.maxTimestampMs);
    if (position - (index.at(-1)?.position ?? Number.NEGATIVE_INFINITY) >= bytesPerEntry) {
      index.push({ offset: header.baseOffset, position, maxTimestampMs });
    }
    position += batch.length;
    endOffset = header.baseOffset + header.lastOffsetDelta + 1;
  }
  return {
    baseOffset,
    endOffset,
    bytes,
    firstTimestampMs,
    maxTimestampMs,
    index,
  };
}
