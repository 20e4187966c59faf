import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import { readingStored } from '../../partition/faults.ts';
import { verifyBatchCrc } from '../../record/checksum.ts';
import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import type { Table } from '../../storage/table.ts';
import { describeSegment, type SegmentContent } from '../describe-segment.ts';
import { type ForeignStretch, foreignIn, joinedStretches } from '../foreign-stretches.ts';
import { growingBytes } from '../growing-bytes.ts';
import { logStartFromItem } from '../log-start.ts';
import { placedBatches } from '../read/placed-batches.ts';
import { readRange } from '../read/read-segment.ts';
import {
  LOG_START_KEY,
  SEGMENT_PREFIX,
  type Segment,
  segmentFromItem,
  segmentObjectKey,
  segmentSortKey,
  segmentToItem,
} from '../segment-item.ts';
import { type MergePlan, type MergeSettings, planMerge, type StoredSegment } from './plan-merge.ts';

export type MergeDependencies = Pick<
  EngineParts,
  'catalog' | 'bucket' | 'codecs' | 'clock' | 'random' | 'rules'
>;

export type MergeOutcome =
  | { readonly kind: 'merged'; readonly segment: Segment; readonly mergedCount: number }
  /** Items that an earlier merge covered have gone. */
  | { readonly kind: 'cleared'; readonly clearedCount: number }
  /** They have not stood for long enough. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'nothing' };

/** How far a merge looks back from the chain's end: small segments come there, and merged ones are left behind. */
const ITEMS_MAX = 64;
/** ⚑ An hour by whichever clock is slower; AWS refuses whoever is further off than that. */
const COVERED_MS_MIN: number = LIMITS.segmentItemLifeMsMin + LIMITS.signatureSkewMsMax;

/**
 * Makes one segment of small neighbours at the end of a chain, in two runs, each of which may die anywhere or meet others:
 *
 * 1. a new object with the bytes of all of them; then the first item is widened over the others (`ifVersion`). From then
 *    on readers find each record by the first item or by its own, and both are right.
 * 2. an hour later the others go, in ascending order: so a reader who takes the item at or below an offset meets either
 *    the one that holds it or the widened one, never one that ends before it.
 *
 * ⚑ The hour: a sealer whose put is on its way saw the chain end where such an item begins, and must meet it. That it has
 * stood for so long is known from the age of the object it was merged into. ⚑ The last item is left alone. Not for
 * compacted topics, whose segments are rewritten by somebody else. Throws `StorageFault`.
 */
export function mergeOnce(
  deps: MergeDependencies,
  pk: string,
  settings: MergeSettings,
  call: Call,
): Promise<MergeOutcome> {
  return readingStored(`Partition ${pk}`, async () => {
    const look = await lookAtEnd(deps.catalog, pk, call);
    const plan = planMerge(look.items, look.logStart, settings);
    switch (plan.kind) {
      case 'nothing':
        return { kind: 'nothing' };
      case 'clear':
        return clear(deps, pk, { ...plan, nowMs: look.observation.serverMs ?? deps.clock.wallMs() }, call);
      case 'merge':
        return merge(deps, pk, plan.segments, call);
    }
  });
}

interface Look {
  readonly items: readonly Segment[];
  readonly logStart: number;
  readonly observation: Observation;
}

async function lookAtEnd(catalog: Table<string>, pk: string, call: Call): Promise<Look> {
  const range = {
    from: SEGMENT_PREFIX,
    to: LOG_START_KEY,
    reverse: true,
    limit: ITEMS_MAX,
    consistent: true,
  };
  const { items, observation } = await catalog.query(pk, range, call);
  const start = items.find(({ sk }) => sk === LOG_START_KEY);
  return {
    items: items
      .filter(({ sk }) => sk !== LOG_START_KEY)
      .map(segmentFromItem)
      .reverse(),
    logStart: start === undefined ? 0 : logStartFromItem(start).offset,
    observation,
  };
}

async function clear(
  deps: MergeDependencies,
  pk: string,
  { by, covered, nowMs }: Extract<MergePlan, { kind: 'clear' }> & { readonly nowMs: number },
  call: Call,
): Promise<MergeOutcome> {
  const { objects } = await deps.bucket.list(by.objectKey, { limit: 1 }, call);
  const mergedMs = objects.find(({ key }) => key === by.objectKey)?.modifiedMs ?? nowMs;
  if (nowMs - mergedMs < COVERED_MS_MIN) return { kind: 'waiting' };
  for (const { baseOffset, version } of covered) {
    await deps.catalog.delete({ pk, sk: segmentSortKey(baseOffset) }, { ifVersion: version }, call);
  }
  return { kind: 'cleared', clearedCount: covered.length };
}

async function merge(
  deps: MergeDependencies,
  pk: string,
  segments: readonly StoredSegment[],
  call: Call,
): Promise<MergeOutcome> {
  const [first] = segments;
  if (first === undefined) return { kind: 'nothing' };
  const { bytes, content } = await joined(deps, segments, call);
  const objectKey = segmentObjectKey(pk, deps.random.id(), first.baseOffset);
  const { observation: uploaded } = await deps.bucket.put(objectKey, bytes, call);

  // Whoever has replaced or removed one of them meanwhile knows better.
  const look = await lookAtEnd(deps.catalog, pk, call);
  const versions = new Set(look.items.map(({ version }) => version));
  if (!segments.every(({ version }) => versions.has(version))) return { kind: 'lost' };
  const segment = { ...content, objectKey, version: deps.random.id() };
  const fences = [
    ...(deps.rules.fence ? [{ observation: look.observation, ageMsMax: LIMITS.fenceAgeMsMax }] : []),
    ...(deps.rules.firstReference
      ? [{ observation: uploaded, ageMsMax: LIMITS.firstReferenceAgeMsMax }]
      : []),
  ];
  const condition = { kind: 'ifVersion', version: first.version } as const;
  const { stored } = await deps.catalog.put(segmentToItem(pk, segment), { condition, fences }, call);
  return stored ? { kind: 'merged', segment, mergedCount: segments.length } : { kind: 'lost' };
}

/** Every batch is checked: what is merged will be the only copy. */
async function joined(
  deps: MergeDependencies,
  segments: readonly StoredSegment[],
  call: Call,
): Promise<{ readonly bytes: Uint8Array; readonly content: SegmentContent }> {
  const bytes = growingBytes(segments.reduce((total, segment) => total + segment.bytes, 0));
  const description = describeSegment(segments[0]?.baseOffset ?? 0);
  for (const segment of segments) {
    const part = await readRange(deps.bucket, segment, { start: 0, length: segment.bytes }, call);
    const whole = { bytes: part, position: 0, offsetMin: segment.baseOffset };
    for (const { header, position, endPosition } of placedBatches(segment, whole)) {
      verifyBatchCrc(deps.codecs, part.subarray(position, endPosition));
      description.add(header);
    }
    bytes.append(part);
  }
  const content = description.finish({ mayHaveGaps: segments.some(({ hasGaps }) => hasGaps === true) });
  // The last batches may have gone by compaction: the chain goes on where the last segment ended.
  const last = segments.at(-1);
  const foreign = segments.reduce(
    (all, segment) => joinedStretches(all, segment.foreign ?? []),
    [] as readonly ForeignStretch[],
  );
  const merged = { ...content, endOffset: last?.endOffset ?? 0, ...foreignIn(foreign, last?.origins) };
  return { bytes: bytes.view(), content: merged };
}
