import type { Call } from '../../storage/call.ts';
import type { Table } from '../../storage/table.ts';
import { type Segment, segmentFromItem, segmentSortKey } from '../segment-item.ts';
import { amendPass, type CleanPass } from './clean-item.ts';
import { type CleanDependencies, cleanSegment } from './clean-segment.ts';
import type { Knowledge } from './rewrite.ts';
import { segmentsOf } from './segments-of.ts';
import { type Fingerprint, fingerprint, type SeenSegment, type Vouched, vouched } from './vouched.ts';

/** What a pass has done, for reports. */
export interface CompactWork {
  segmentCount: number;
  rewrittenCount: number;
  bytesBefore: number;
  bytesAfter: number;
}

export interface CleanRequest {
  readonly pk: string;
  readonly pass: CleanPass;
  readonly knowledge: Knowledge;
  readonly isTimeUp: () => boolean;
  readonly work: CompactWork;
}

export type CleanStepOutcome =
  /** Every segment below the map's end is clean. */
  | 'clean'
  | 'timeUp'
  /** Another compactor has ended this pass. */
  | 'lost';

/** Rounds over what others have changed meanwhile. */
const ROUNDS_MAX = 16;

/**
 * Rewrites the segments below the map's end in ascending order, and again those that somebody has changed since, until
 * a look at all of them finds none. After each the checkpoint says how far it has come.
 */
export async function cleanStep(
  deps: CleanDependencies,
  request: CleanRequest,
  call: Call,
): Promise<CleanStepOutcome> {
  const { pk, pass } = request;
  const known = vouched();
  let segments = await seenBelow(deps.catalog, pk, pass.mapEnd, call);
  const done = doneBefore(pass, segments, known);
  const first = await firstRound(deps, { ...request, known, done }, segments, call);
  if (first !== 'clean' || !deps.rules.lostSwapRedone) return first;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    segments = await seenBelow(deps.catalog, pk, pass.mapEnd, call);
    const changed = segments.filter((segment) => !known.holds(segment));
    if (changed.length === 0) return 'clean';
    for (const segment of changed) {
      if (request.isTimeUp()) return 'timeUp';
      await cleanOne(deps, { ...request, known }, segment, call);
    }
  }
  return 'timeUp';
}

async function seenBelow(
  catalog: Table<string>,
  pk: string,
  end: number,
  call: Call,
): Promise<SeenSegment[]> {
  const seen: SeenSegment[] = [];
  for await (const segment of segmentsOf(catalog, pk, call)) {
    if (segment.baseOffset >= end) break;
    seen.push(withoutIndex(segment));
  }
  return seen;
}

/** A log may have very many segments, and most of an item is its index. */
export function withoutIndex(segment: Segment): SeenSegment {
  const { baseOffset, endOffset, version, bytes, firstTimestampMs, maxTimestampMs } = segment;
  return { baseOffset, endOffset, version, bytes, firstTimestampMs, maxTimestampMs };
}

/** What an earlier step has left is trusted if it still stands as it was left. */
function doneBefore(
  { progress }: CleanPass,
  segments: readonly SeenSegment[],
  known: Vouched,
): { readonly next: number; readonly left: Fingerprint } {
  const next = progress?.next ?? 0;
  const left = fingerprint();
  const below = segments.filter(({ baseOffset }) => baseOffset < next);
  below.forEach(left.add);
  if (left.value() !== progress?.left) return { next: 0, left: fingerprint() };
  below.forEach(known.add);
  return { next, left };
}

interface Round extends CleanRequest {
  readonly known: Vouched;
}

async function firstRound(
  deps: CleanDependencies,
  request: Round & { readonly done: ReturnType<typeof doneBefore> },
  segments: readonly SeenSegment[],
  call: Call,
): Promise<CleanStepOutcome> {
  const { pk, pass, done, isTimeUp } = request;
  let { next } = done;
  let savedNext = next;
  const save = async (): Promise<boolean> => {
    const progress = { next, left: done.left.value() };
    const isStored = await amendPass(
      deps,
      pk,
      pass.id,
      (seen) => ({ ...seen, pass: { ...pass, progress } }),
      call,
    );
    savedNext = next;
    return isStored;
  };
  for (const segment of segments) {
    if (segment.baseOffset < done.next) continue;
    if (isTimeUp()) return savedNext === next || (await save()) ? 'timeUp' : 'lost';
    const cleaned = await cleanOne(deps, request, segment, call);
    if (cleaned !== undefined) done.left.add(cleaned);
    next = segment.baseOffset + 1;
    if (cleaned?.isRewritten === true && !(await save())) return 'lost';
  }
  return 'clean';
}

/** Undefined: the item is gone. */
async function cleanOne(
  deps: CleanDependencies,
  { pk, knowledge, known, work }: Round,
  { baseOffset }: SeenSegment,
  call: Call,
): Promise<
  { readonly baseOffset: number; readonly version: string; readonly isRewritten: boolean } | undefined
> {
  const { item } = await deps.catalog.get({ pk, sk: segmentSortKey(baseOffset) }, { consistent: true }, call);
  if (item === undefined) return undefined;
  const cleaned = await cleanSegment(deps, { pk, segment: segmentFromItem(item), knowledge }, call);
  if (cleaned.kind === 'gone') return undefined;
  const { version, isRewritten } = cleaned;
  known.add({ baseOffset, version });
  work.segmentCount += 1;
  work.rewrittenCount += isRewritten ? 1 : 0;
  work.bytesBefore += cleaned.bytesBefore;
  work.bytesAfter += cleaned.bytesAfter;
  return { baseOffset, version, isRewritten };
}
