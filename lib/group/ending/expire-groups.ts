import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Item } from '../../storage/table.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import { atOnce } from '../at-once.ts';
import type { Group } from '../group-item.ts';
import { readGroup, type SeenGroup } from '../group-store.ts';
import { isOccupied, OUTSIDE_SIGN_MS } from '../members/empty-group.ts';
import { expelDead } from '../members/expel-dead.ts';
import { removeDeadOffsets, type TopicLook, topicLook } from '../offsets/dead-offsets.ts';
import { pagesOf } from '../pages.ts';
import { GROUPS_KEY } from '../registry.ts';
import { storageMs } from '../storage-time.ts';
import { unregister } from '../unregister.ts';
import { giveUp } from './delete-group.ts';
import { noteExpiryReached, readExpiryCursor } from './expiry-cursor.ts';
import { removeForgotten } from './forgotten.ts';

type Dependencies = Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'>;

export interface GroupExpiryReport {
  readonly groupCount: number;
  /** Groups that had been without members, and without commits from outside, for too long. */
  readonly expiredCount: number;
  /** Of groups that are gone, and of topics that are. */
  readonly removedOffsetCount: number;
  /** Groups that are gone, and whose offsets may still be written to. */
  readonly waitingCount: number;
  /** Groups whose items cannot be read. */
  readonly failures: readonly { readonly groupId: string; readonly reason: string }[];
  /** False if time ran out; the next run goes on. */
  readonly isComplete: boolean;
}

/** No look at a group begins after this part of the time: the rest is for noting how far the run has come. */
const WORK_SHARE = 0.8;
const PAGE_ITEMS = 256;
const GROUPS_AT_ONCE = 8;
/** ⚑ A change from outside is signed for in the group once a day, so a quiet group shows its age a day late. */
export const QUIET_MS: number = LIMITS.offsetsRetentionMs + OUTSIDE_SIGN_MS;

/**
 * Removes what nobody will ask for again: the offsets of groups that are gone; groups that have had no members for a week,
 * nor commits from outside; and offsets of topics that were deleted. Members whose sessions are over are expelled on the
 * way, because in a group that nobody asks for they would stay for ever. Cut off anywhere, the next run goes on; many at
 * once do no harm.
 *
 * ⚑ Never by the age of a commit: a group whose topics are quiet commits nothing for months and must keep its place.
 */
export async function expireGroups(parts: Dependencies, call: Call): Promise<GroupExpiryReport> {
  const beganMs = parts.clock.monotonicMs();
  const lastLookMs = beganMs + (call.deadlineMs - beganMs) * WORK_SHARE;
  const forgotten = await removeForgotten(parts, call);
  const { removedOffsetCount, waitingCount } = forgotten;
  const tally: Tally = { groupCount: 0, expiredCount: 0, removedOffsetCount, failures: [] };
  const isComplete = forgotten.isComplete && (await lookAtAll(parts, { tally, lastLookMs }, call));
  return { ...tally, waitingCount, isComplete };
}

interface Tally {
  groupCount: number;
  expiredCount: number;
  removedOffsetCount: number;
  readonly failures: { readonly groupId: string; readonly reason: string }[];
}

/** From where the last run ended, if it did not reach the end. */
async function lookAtAll(
  parts: Dependencies,
  { tally, lastLookMs }: { readonly tally: Tally; readonly lastLookMs: number },
  call: Call,
): Promise<boolean> {
  const cursor = await readExpiryCursor(parts, call);
  const look = topicLook(new TopicCatalog({ ...parts, partitionCountDefault: 1 }));
  const options = { limit: PAGE_ITEMS, after: cursor.after };
  let reached = cursor.after;
  for await (const { items } of pagesOf(parts.catalog, GROUPS_KEY, options, call)) {
    for (let at = 0; at < items.length; at += GROUPS_AT_ONCE) {
      if (parts.clock.monotonicMs() >= lastLookMs) {
        await noteExpiryReached(parts, cursor, reached, call);
        return false;
      }
      const some = items.slice(at, at + GROUPS_AT_ONCE);
      await atOnce(some, GROUPS_AT_ONCE, (entry) => tryLook(parts, { entry, look, tally }, call));
      reached = some.at(-1)?.sk;
    }
  }
  await noteExpiryReached(parts, cursor, undefined, call);
  return true;
}

interface GroupWork {
  readonly entry: Item<string>;
  readonly look: TopicLook;
  readonly tally: Tally;
}

/** One group's damage does not keep the others from theirs. */
async function tryLook(parts: Dependencies, work: GroupWork, call: Call): Promise<void> {
  try {
    await lookAt(parts, work, call);
  } catch (fault) {
    const isItsOwn = fault instanceof StorageFault && (fault.kind === 'damaged' || fault.kind === 'refused');
    if (!isItsOwn) throw fault;
    work.tally.failures.push({ groupId: work.entry.sk, reason: fault.message });
  }
}

async function lookAt(parts: Dependencies, { entry, look, tally }: GroupWork, call: Call): Promise<void> {
  const stored = await readGroup(parts, entry.sk, { consistent: true }, call);
  const seen = await expelDead(parts, stored, call);
  const { group } = seen;
  if (group === undefined) {
    await unregister(parts, entry, call);
    return;
  }
  tally.groupCount += 1;
  if (parts.rules.offsetsOutliveQuiet && isQuiet(seen, group)) {
    // Somebody who joined or committed meanwhile has changed the group, and keeps it.
    const removal = await giveUp(parts, seen, group, call);
    if (removal === undefined) return;
    tally.expiredCount += 1;
    tally.removedOffsetCount += removal.count;
    return;
  }
  tally.removedOffsetCount += await removeDeadOffsets(parts, { seen, group, look }, call);
}

function isQuiet(seen: SeenGroup, { changedMs }: Group): boolean {
  return !isOccupied(seen) && storageMs(seen.observation) - changedMs > QUIET_MS;
}
