import { MillraceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { storageError } from '../../partition/faults.ts';
import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Fence, Observation } from '../../storage/observation.ts';
import type { Condition } from '../../storage/table.ts';
import type { GroupParts } from '../group-parts.ts';
import {
  offsetFromItem,
  offsetSortKey,
  offsetsKey,
  offsetToItem,
  type PartitionOffset,
  type StandingOffset,
} from './offset-item.ts';

export interface OffsetChange {
  readonly incarnation: string;
  /** What is replaced; undefined: nothing is there. */
  readonly standing: StandingOffset | undefined;
  readonly next: PartitionOffset;
  /** ⚑ When the request began: one that slept in a frozen process must not put an old position over newer ones. */
  readonly began: Observation;
}

export type OffsetPut =
  | { readonly stored: true; readonly standing: StandingOffset; readonly observation: Observation }
  | { readonly stored: false; readonly standing: StandingOffset | undefined };

/** One write, on top of exactly what was seen. */
export async function putOffset(
  { catalog, random }: Pick<GroupParts, 'catalog' | 'random'>,
  change: OffsetChange,
  call: Call,
): Promise<OffsetPut> {
  const { incarnation, standing, next } = change;
  const version = random.id();
  const item = offsetToItem(incarnation, next, version);
  const options = { condition: onTopOf(standing), fences: offsetFences(change.began) };
  const result = await catalog.put(item, options, call);
  if (result.stored) {
    return { stored: true, standing: { ...next, version }, observation: result.observation };
  }
  const found = result.standing;
  return { stored: false, standing: found === undefined ? undefined : offsetFromItem(found) };
}

export function onTopOf(standing: StandingOffset | undefined): Condition {
  return standing === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: standing.version };
}

/**
 * ⚑ A request is over a minute after it began. So what it puts under the key of an incarnation that was given up
 * meanwhile arrives before that key is cleaned for the last time.
 */
export function offsetFences(began: Observation): readonly Fence[] {
  return [{ observation: began, ageMsMax: LIMITS.fenceAgeMsMax }];
}

export async function readOffset(
  { catalog }: Pick<GroupParts, 'catalog'>,
  where: { readonly incarnation: string; readonly topicId: string; readonly partition: number },
  options: { readonly consistent: boolean },
  call: Call,
): Promise<StandingOffset | undefined> {
  const key = { pk: offsetsKey(where.incarnation), sk: offsetSortKey(where.topicId, where.partition) };
  const { item } = await catalog.get(key, options, call);
  return item === undefined ? undefined : offsetFromItem(item);
}

/** Storage's time now, as far as an earlier answer tells it. */
export function storageNowMs(clock: Clock, seen: Observation | undefined): number {
  const aheadMs = seen?.serverMs === undefined ? 0 : seen.serverMs - seen.sentWallMs;
  return clock.wallMs() + aheadMs;
}

/** What one position's caller is told; the others of the request have answers of their own. Bugs are thrown. */
export function offsetError(fault: unknown): MillraceError {
  if (fault instanceof MillraceError) return fault;
  if (!(fault instanceof StorageFault)) throw fault;
  if (!fault.mayHaveHappened) return storageError(fault);
  const message = 'Storage did not answer in time; the position may have been stored';
  return new MillraceError('REQUEST_TIMED_OUT', message, { cause: fault });
}

export function offsetIsBusy(
  groupId: string,
  place: { readonly topic: string; readonly partition: number },
): MillraceError {
  const message = `The position of group '${groupId}' in partition ${place.partition} of topic '${place.topic}' is being changed by many at once; try again`;
  return new MillraceError('REQUEST_TIMED_OUT', message);
}
