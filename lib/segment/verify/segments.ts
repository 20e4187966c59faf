import type { BatchHeader } from '../../record/header.ts';
import type { Item } from '../../storage/table.ts';
import { isForeign } from '../foreign-stretches.ts';
import {
  LOG_START_KEY,
  SEGMENT_PREFIX,
  type Segment,
  segmentFromItem,
  segmentSortKey,
} from '../segment-item.ts';
import type { Find } from './findings.ts';
import { objectBatches, watchingForCuts } from './object-batches.ts';
import { type PartitionToVerify, soon, type VerifyDependencies } from './partition-to-verify.ts';

export interface SegmentsView {
  readonly logStart: number;
  /** Compaction takes records out: then the batches of a segment need not cover all of its offsets. */
  readonly isCompacted: boolean;
  /** Told of every batch that was not copied from another region. */
  readonly seeBatch: (header: BatchHeader) => void;
}

const SEGMENTS_PER_PAGE = 64;
/** How often one segment is looked at again because it was replaced meanwhile. */
const LOOKS_MAX = 3;

/** Walks along the segment chain and through every object. Answers the sealed end. */
export async function verifySegments(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  view: SegmentsView,
): Promise<number> {
  let end: number | undefined;
  let last: Segment | undefined;
  for await (const segment of segmentsOf(deps, partition)) {
    // What a merge has covered stands for a while; nobody has to be able to read it.
    if (end !== undefined && segment.endOffset <= end) continue;
    if (end !== undefined && segment.baseOffset > end && last !== undefined) {
      // The one before may have been widened over its neighbours since it was read.
      const widened = await reread(deps, partition, last);
      if (widened !== undefined && widened.version !== last.version) {
        end = (await verifyOne(deps, partition, view, widened)).endOffset;
      }
    }
    checkLink(partition.find, segment, end ?? Math.min(view.logStart, segment.baseOffset), view.logStart);
    last = await verifyOne(deps, partition, view, segment);
    end = Math.max(end ?? 0, last.endOffset);
  }
  return end ?? 0;
}

function checkLink(find: Find, segment: Segment, end: number, logStart: number): void {
  const { baseOffset, endOffset } = segment;
  if (endOffset <= baseOffset) {
    find('segment-overlap', `The segment at ${baseOffset} ends at ${endOffset}`, baseOffset);
  }
  if (baseOffset < end) {
    find('segment-overlap', `A segment begins at ${baseOffset}, before ${end}`, baseOffset);
  }
  if (baseOffset > Math.max(end, logStart)) {
    find('segment-gap', `No segment holds the offsets from ${Math.max(end, logStart)} to ${baseOffset}`, end);
  }
}

/** What is found counts only if the segment still is what was looked at. */
async function verifyOne(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  view: SegmentsView,
  segment: Segment,
): Promise<Segment> {
  let looked = segment;
  for (let looks = 1; ; looks += 1) {
    const held: Parameters<Find>[] = [];
    const holding: PartitionToVerify = { ...partition, find: (...finding) => held.push(finding) };
    await verifyObject(deps, holding, view, looked);
    const now = held.length === 0 ? looked : await reread(deps, partition, looked);
    // Merged into its neighbour, or dropped by retention.
    if (now === undefined) return looked;
    if (now.version === looked.version || looks === LOOKS_MAX) {
      for (const finding of held) partition.find(...finding);
      partition.counts.segmentCount += 1;
      return now;
    }
    looked = now;
  }
}

async function reread(
  deps: VerifyDependencies,
  { pk, call }: PartitionToVerify,
  { baseOffset }: Segment,
): Promise<Segment | undefined> {
  const key = { pk, sk: segmentSortKey(baseOffset) };
  const { item } = await deps.catalog.get(key, { consistent: true }, soon(deps, call));
  return item === undefined ? undefined : segmentFromItem(item);
}

async function verifyObject(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  view: SegmentsView,
  segment: Segment,
): Promise<void> {
  const { baseOffset, endOffset, objectKey, bytes } = segment;
  if (objectKey === undefined) {
    const isRead = endOffset > view.logStart && !view.isCompacted;
    if (isRead) {
      partition.find('object-missing', `The segment at ${baseOffset} has lost its object`, baseOffset);
    }
    return;
  }
  checkForeign(partition.find, segment);
  const stretch = { key: objectKey, start: 0, length: bytes, mayGoOn: false, offset: baseOffset };
  const index = indexCheck(partition.find, segment);
  let expected = baseOffset;
  let maxTimestampMs = -1;
  const watched = watchingForCuts(partition);
  for await (const { header, position } of objectBatches(deps, watched.partition, stretch)) {
    seeOwn(view, segment, header);
    const end = header.baseOffset + header.lastOffsetDelta + 1;
    const mayMiss = view.isCompacted || segment.hasGaps === true || header.baseOffset <= view.logStart;
    const isPlaced = header.baseOffset === expected || (header.baseOffset > expected && mayMiss);
    if (!isPlaced || end > endOffset) {
      const message = `Object ${objectKey}: a batch for ${header.baseOffset} to ${end} where ${expected} to ${endOffset} belong`;
      partition.find('batch-offsets', message, header.baseOffset);
    }
    expected = Math.max(expected, end);
    maxTimestampMs = Math.max(maxTimestampMs, header.maxTimestampMs);
    index.batch(header.baseOffset, position, maxTimestampMs);
  }
  if (watched.isCut()) return;
  index.end();
  if (expected < endOffset && !view.isCompacted && endOffset > view.logStart) {
    const message = `Object ${objectKey}: the batches end at ${expected}, not at ${endOffset}`;
    partition.find('batch-offsets', message, expected);
  }
  if (maxTimestampMs > segment.maxTimestampMs) {
    const message = `The segment at ${baseOffset} holds timestamp ${maxTimestampMs}, beyond its largest`;
    partition.find('timestamps', message, baseOffset);
  }
}

function seeOwn(view: SegmentsView, { foreign }: Segment, header: BatchHeader): void {
  if (!isForeign(foreign, header.baseOffset)) view.seeBatch(header);
}

/** What was copied from other regions lies inside the segment, one stretch behind the other. */
function checkForeign(find: Find, { baseOffset, endOffset, foreign = [], origins }: Segment): void {
  let end = baseOffset;
  for (const stretch of foreign) {
    const length = stretch.endOffset - stretch.baseOffset;
    const isInPlace = stretch.baseOffset >= end && length > 0 && stretch.endOffset <= endOffset;
    const isTold = stretch.sourceOffset + length <= (origins?.get(stretch.region)?.endOffset ?? 0);
    if (!isInPlace || !isTold) {
      const message = `The segment at ${baseOffset} tells wrongly what comes from ${stretch.region}`;
      find('origins', message, stretch.baseOffset);
    }
    end = stretch.endOffset;
  }
}

/** Every entry must be where a batch begins, and tell the largest timestamp up to there. */
function indexCheck(
  find: Find,
  { objectKey, index }: Segment,
): { batch(offset: number, position: number, maxTimestampMs: number): void; end(): void } {
  const entries = new Map(index.map((entry) => [entry.position, entry]));
  return {
    batch(offset, position, maxTimestampMs) {
      const entry = entries.get(position);
      entries.delete(position);
      if (entry === undefined || (entry.offset === offset && entry.maxTimestampMs >= maxTimestampMs)) return;
      find('index', `Object ${objectKey}: the index entry for byte ${position} is wrong`, offset);
    },
    end() {
      for (const { offset, position } of entries.values()) {
        find(
          'index',
          `Object ${objectKey}: no batch begins at byte ${position}, where the index says`,
          offset,
        );
      }
    },
  };
}

async function* segmentsOf(
  deps: VerifyDependencies,
  { pk, find, tick, call }: PartitionToVerify,
): AsyncGenerator<Segment> {
  let after: string | undefined;
  for (;;) {
    tick();
    const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, limit: SEGMENTS_PER_PAGE, consistent: true };
    const page = await deps.catalog.query(
      pk,
      after === undefined ? range : { ...range, after },
      soon(deps, call),
    );
    for (const item of page.items) {
      const segment = item.sk === LOG_START_KEY ? undefined : readItem(find, item);
      if (segment !== undefined) yield segment;
    }
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

function readItem(find: Find, item: Item<string>): Segment | undefined {
  try {
    return segmentFromItem(item);
  } catch (fault) {
    find('unreadable', fault instanceof Error ? fault.message : String(fault));
    return undefined;
  }
}
