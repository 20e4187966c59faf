import type { EngineParts } from '../../engine-parts.ts';
import { appendedMs, type Chunk, chunkFromItem } from '../../partition/chunk.ts';
import { contiguousFrom } from '../../partition/read-plan.ts';
import { type Bounds, readBounds } from '../../partition/tail.ts';
import type { Bucket } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import type { Table } from '../../storage/table.ts';
import { configNumber, isDeleted, type TopicConfigs } from '../../topic/configs.ts';
import { coverFilter } from '../cover-filter.ts';
import { type LogStart, moveLogStart, type OriginsBefore } from '../log-start.ts';
import { chunkBytes } from '../seal/seal-due.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, type Segment, segmentFromItem } from '../segment-item.ts';
import { dropSegments } from './drop-segments.ts';
import {
  type Extent,
  isExpired,
  planRetention,
  type RetentionSettings,
  type RetentionView,
  wantsMoreChunks,
} from './plan-retention.ts';

export type RetentionDependencies = Pick<
  EngineParts,
  'hot' | 'catalog' | 'bucket' | 'clock' | 'random' | 'rules'
>;

export interface RetentionReport {
  readonly logStartBefore: number;
  readonly logStart: number;
  /** Segment items that are gone, the last one's stub included. */
  readonly droppedCount: number;
  /** Of their objects, which the sweep removes. */
  readonly droppedBytes: number;
  /** Segment items below the log start that have to stay for another while. */
  readonly waitingCount: number;
}

const SEGMENTS_PER_PAGE_FIRST = 8;
const SEGMENTS_PER_PAGE = 256;
const CHUNKS_PER_PAGE_FIRST = 4;
const CHUNKS_PER_PAGE = 64;

export function retentionSettings(configs: TopicConfigs): RetentionSettings {
  return {
    isDeleted: isDeleted(configs),
    retentionMs: configNumber(configs, 'retention.ms'),
    retentionBytes: configNumber(configs, 'retention.bytes'),
    segmentBytes: configNumber(configs, 'segment.bytes'),
    hotRetentionMs: configNumber(configs, 'hot.retention.ms'),
  };
}

/**
 * Brings one partition within its topic's retention. ⚑ The log start moves first; then the segment items below it go, in
 * ascending order; the last one stays as a stub, because it is where the chain ends; objects are left to the sweep.
 * Cut off anywhere, the next run goes on; many at once do no harm. Two queries if nothing is to be done. Throws
 * `StorageFault`.
 */
export async function retainOnce(
  deps: RetentionDependencies,
  pk: string,
  settings: RetentionSettings,
  call: Call,
): Promise<RetentionReport> {
  const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
  const nowMs = bounds.observation.serverMs ?? deps.clock.wallMs();
  const { below, view } = await readView(deps, { pk, bounds, settings, nowMs }, call);
  const target = planRetention(view, settings, nowMs);
  const unneeded = [...below, ...view.segments.filter(({ endOffset }) => endOffset <= target)];
  const nothing = { droppedCount: 0, droppedBytes: 0, waitingCount: 0 };
  if (target === bounds.logStart && !unneeded.some((segment) => isInTheWay(segment, bounds))) {
    return { logStartBefore: bounds.logStart, logStart: target, ...nothing };
  }
  const removable = unneeded.filter(({ endOffset }) => endOffset < bounds.sealedEnd).at(-1)?.endOffset;
  const before = originsBefore(target, view);
  const change = (start: LogStart) => nextStart(start, { target, removable, below, nowMs, before });
  if (!deps.rules.unpublishBeforeDelete) await deleteObjects(deps.bucket, unneeded, call);
  const start = await moveLogStart(deps, pk, change, call);
  const dropped = await dropSegments(deps, { pk, bounds, unneeded, start, nowMs }, call);
  return { logStartBefore: bounds.logStart, logStart: start.offset, ...dropped };
}

/** Only without the rule: the sweep does it when nothing refers to them any more. */
function deleteObjects(bucket: Bucket, segments: readonly Segment[], call: Call): Promise<void> {
  const keys = segments.flatMap(({ objectKey }) => (objectKey === undefined ? [] : [objectKey]));
  return bucket.delete(keys, call);
}

/** The stub at the chain's end has nothing to give. */
function isInTheWay(segment: Segment, { sealedEnd }: Bounds): boolean {
  return segment.endOffset < sealedEnd || segment.objectKey !== undefined;
}

/** Undefined: nothing changes. A mark stands until everything below it is gone; then the next one is set. */
function nextStart(
  start: LogStart,
  seen: {
    readonly target: number;
    readonly removable: number | undefined;
    readonly below: readonly Segment[];
    readonly nowMs: number;
    readonly before: OriginsBefore | undefined;
  },
): LogStart | undefined {
  const offset = Math.max(start.offset, seen.target);
  const markedBelow = start.standing?.below ?? 0;
  const isPending = seen.below.some(({ endOffset }) => endOffset <= markedBelow);
  const next = isPending || seen.removable === undefined || seen.removable <= markedBelow;
  const standing = next ? start.standing : { below: seen.removable, seenMs: seen.nowMs };
  if (offset === start.offset && standing === start.standing) return undefined;
  const before = [seen.before, start.before].find((known) => known?.offset === offset);
  return {
    offset,
    ...(standing === undefined ? {} : { standing }),
    ...(before === undefined ? {} : { before }),
  };
}

/** Where everything goes that told of other regions' records, what it told stays. */
function originsBefore(offset: number, { segments, chunks }: View): OriginsBefore | undefined {
  const { origins } = [...segments, ...chunks].find(({ endOffset }) => endOffset === offset) ?? {};
  return origins === undefined ? undefined : { offset, origins };
}

interface Reading {
  readonly pk: string;
  readonly bounds: Bounds;
  readonly settings: RetentionSettings;
  readonly nowMs: number;
}

type ChunkExtent = Extent & Pick<Chunk, 'origins'>;

interface View extends RetentionView {
  readonly segments: readonly (Segment & Extent)[];
  readonly chunks: readonly ChunkExtent[];
}

/** As much of the partition as the plan needs: storage bills what it reads. */
async function readView(
  deps: RetentionDependencies,
  reading: Reading,
  call: Call,
): Promise<{ readonly below: readonly Segment[]; readonly view: View }> {
  const { bounds, settings, nowMs } = reading;
  const below: Segment[] = [];
  const segments: (Segment & Extent)[] = [];
  let view: View = { logStart: bounds.logStart, segments, chunks: [], isWhole: false };
  let allExpired = true;
  for await (const segment of segmentsOf(deps.catalog, reading.pk, call)) {
    if (segment.endOffset <= bounds.logStart) {
      below.push(segment);
      continue;
    }
    // Sealed since the bounds were read: its chunks are counted.
    if (segment.baseOffset >= bounds.sealedEnd) break;
    if (!settings.isDeleted || (!allExpired && settings.retentionBytes < 0)) return { below, view };
    const timestampMs = await timestampOf(deps.bucket, segment, { asksForDate: allExpired }, call);
    segments.push({ ...segment, timestampMs });
    allExpired &&= isExpired({ ...segment, timestampMs }, settings.retentionMs, nowMs);
  }
  const chunks: ChunkExtent[] = [];
  const pages = unsealedChunks(deps, reading, call);
  while (wantsMoreChunks(view, settings, nowMs)) {
    const page = await pages.next();
    if (!page.done) chunks.push(...page.value.map((chunk) => extentOf(chunk, settings)));
    view = { ...view, chunks, isWhole: page.done === true };
  }
  return { below, view };
}

function extentOf(chunk: Chunk, { hotRetentionMs }: RetentionSettings): ChunkExtent {
  const { endOffset, maxTimestampMs, origins } = chunk;
  const timestampMs = maxTimestampMs >= 0 ? maxTimestampMs : appendedMs(chunk, hotRetentionMs);
  return { endOffset, bytes: chunkBytes(chunk), timestampMs, ...(origins === undefined ? {} : { origins }) };
}

/**
 * Records without a timestamp are as old as the object that holds them, as Kafka goes by the file's date; behind a segment
 * that stays its date is not worth the asking, and counts as young.
 */
async function timestampOf(
  bucket: Bucket,
  { objectKey, maxTimestampMs }: Segment,
  options: { readonly asksForDate: boolean },
  call: Call,
): Promise<number> {
  if (objectKey === undefined) return Number.NEGATIVE_INFINITY;
  if (maxTimestampMs >= 0) return maxTimestampMs;
  if (!options.asksForDate) return Number.POSITIVE_INFINITY;
  const { objects } = await bucket.list(objectKey, { limit: 1 }, call);
  return objects[0]?.key === objectKey ? objects[0].modifiedMs : Number.POSITIVE_INFINITY;
}

async function* segmentsOf(catalog: Table<string>, pk: string, call: Call): AsyncGenerator<Segment> {
  let after: string | undefined;
  // What a merge has covered counts once; when the one that covers it has gone, it goes too.
  const isInChain = coverFilter();
  for (;;) {
    const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, consistent: true };
    const page = await catalog.query(
      pk,
      after === undefined
        ? { ...range, limit: SEGMENTS_PER_PAGE_FIRST }
        : { ...range, limit: SEGMENTS_PER_PAGE, after },
      call,
    );
    for (const item of page.items) {
      const segment = item.sk === LOG_START_KEY ? undefined : segmentFromItem(item);
      if (segment !== undefined && isInChain(segment)) yield segment;
    }
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

/** Those that end beyond the log start, up to the end or the first gap: what lies behind one is not ours to judge. */
async function* unsealedChunks(
  deps: RetentionDependencies,
  { pk, bounds }: Reading,
  call: Call,
): AsyncGenerator<readonly Chunk[], void> {
  let end = Math.max(bounds.sealedEnd, bounds.logStart);
  let limit = CHUNKS_PER_PAGE_FIRST;
  const floor = await deps.hot.query(pk, { to: end, reverse: true, limit: 1, consistent: true }, call);
  const first = floor.items[0] === undefined ? undefined : chunkFromItem(floor.items[0]);
  if (first !== undefined && first.baseOffset < end && end < first.endOffset) {
    yield [first];
    end = first.endOffset;
  }
  for (;;) {
    const page = await deps.hot.query(pk, { from: end, limit, consistent: true }, call);
    const run = contiguousFrom(page.items.map(chunkFromItem), end, true);
    yield run;
    end = run.at(-1)?.endOffset ?? end;
    if (!page.more || run.length < page.items.length || run.length === 0) return;
    limit = CHUNKS_PER_PAGE;
  }
}
