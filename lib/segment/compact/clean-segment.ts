import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { foreignIn } from '../foreign-stretches.ts';
import {
  type Segment,
  segmentFromItem,
  segmentObjectKey,
  segmentSortKey,
  segmentToItem,
} from '../segment-item.ts';
import { type Knowledge, rewriteSegment } from './rewrite.ts';

export type CleanDependencies = Pick<EngineParts, 'catalog' | 'bucket' | 'codecs' | 'random' | 'rules'>;

export type CleanedSegment =
  /** The item has this version, and nothing in it is for the map to take. */
  | {
      readonly kind: 'clean';
      readonly version: string;
      readonly bytesBefore: number;
      readonly bytesAfter: number;
      readonly isRewritten: boolean;
    }
  /** Retention or a merge has removed the item meanwhile. */
  | { readonly kind: 'gone' };

/** Others that may change one segment item meanwhile: compactors, retention, merges. */
const TRIES_MAX = 8;

/**
 * Rewrites one segment and puts the new object in its item's place, if that has still the version that was read.
 * ⚑ A lost swap is done again with the same map on what stands there now: whoever won may have known less. Throws
 * `StorageFault`: `damaged` with the object's name, `throttled` where others never let it win.
 */
export async function cleanSegment(
  deps: CleanDependencies,
  place: { readonly pk: string; readonly segment: Segment; readonly knowledge: Knowledge },
  call: Call,
): Promise<CleanedSegment> {
  const { pk, knowledge } = place;
  let segment = place.segment;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const swapped = await tryToClean(deps, { pk, segment, knowledge }, call);
    if (!('standing' in swapped)) return swapped;
    const { standing } = swapped;
    if (standing === undefined) return { kind: 'gone' };
    if (!deps.rules.lostSwapRedone) return unchanged(standing);
    segment = standing;
  }
  throw new StorageFault('throttled', `Segment ${segment.baseOffset} of ${pk} is changed by many at once`);
}

const unchanged = ({ version, bytes }: Segment): CleanedSegment => ({
  kind: 'clean',
  version,
  bytesBefore: bytes,
  bytesAfter: bytes,
  isRewritten: false,
});

async function tryToClean(
  deps: CleanDependencies,
  { pk, segment, knowledge }: { pk: string; segment: Segment; knowledge: Knowledge },
  call: Call,
): Promise<CleanedSegment | { readonly standing: Segment | undefined }> {
  const rewritten = await rewriteSegment(deps, segment, knowledge, call).catch(async (fault: unknown) => {
    // The object of an item that was replaced long ago may have been collected; then nothing is damaged.
    if (!(fault instanceof StorageFault) || fault.kind !== 'damaged') throw fault;
    const key = { pk, sk: segmentSortKey(segment.baseOffset) };
    const { item } = await deps.catalog.get(key, { consistent: true }, call);
    if (item?.version === segment.version) throw fault;
    return { kind: 'moved', standing: item === undefined ? undefined : segmentFromItem(item) } as const;
  });
  if (rewritten.kind === 'moved') return { standing: rewritten.standing };
  if (rewritten.kind === 'same') return unchanged(segment);

  const { bytes, content } = rewritten;
  const version = deps.random.id();
  const objectKey =
    bytes.length === 0 ? undefined : segmentObjectKey(pk, deps.random.id(), segment.baseOffset);
  const uploaded = objectKey === undefined ? undefined : await deps.bucket.put(objectKey, bytes, call);
  const fences =
    deps.rules.firstReference && uploaded !== undefined
      ? [{ observation: uploaded.observation, ageMsMax: LIMITS.firstReferenceAgeMsMax }]
      : [];
  const condition = { kind: 'ifVersion', version: segment.version } as const;
  const item = segmentToItem(pk, {
    ...content,
    ...foreignIn(segment.foreign ?? [], segment.origins),
    version,
    objectKey,
  });
  const result = await deps.catalog.put(item, { condition, fences }, call);
  if (result.stored) {
    return {
      kind: 'clean',
      version,
      bytesBefore: segment.bytes,
      bytesAfter: bytes.length,
      isRewritten: true,
    };
  }
  return { standing: result.standing === undefined ? undefined : segmentFromItem(result.standing) };
}
