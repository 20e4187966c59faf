import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { Item } from '../../storage/table.ts';
import { atOnce } from '../at-once.ts';
import { groupIsBusy, readGroup } from '../group-store.ts';
import { offsetsKey } from '../offsets/offset-item.ts';
import { pagesOf } from '../pages.ts';
import { storageMs } from '../storage-time.ts';

/** Incarnations that were given up, until nothing of theirs is left: pk of their ledger, sk = incarnation. */
export const FORGOTTEN_KEY = 'forgotten';

type Dependencies = Pick<EngineParts, 'catalog' | 'clock' | 'random'>;

export interface ForgottenReport {
  /** Incarnations of which nothing is left. */
  readonly forgottenCount: number;
  readonly removedOffsetCount: number;
  /** Those that were given up too recently. */
  readonly waitingCount: number;
  /** False if the deadline came first; the next run goes on. */
  readonly isComplete: boolean;
}

const PAGE_ITEMS = 256;
const DELETES_AT_ONCE = 16;
const TRIES_MAX = 8;

/**
 * ⚑ Notes that an incarnation is about to be given up, before it is: so its offsets are removed even if whoever gives it
 * up goes no further than that. Noted anew every time, so that no earlier note is taken off meanwhile. Must not be used
 * for longer than a minute.
 *
 * Layout: pk = forgotten, sk = incarnation, f format number, g group id, t ms when the job saw it first.
 */
export async function noteForgotten(
  { catalog, random }: Dependencies,
  { groupId, incarnation }: { readonly groupId: string; readonly incarnation: string },
  call: Call,
): Promise<void> {
  const note = (): Item<string> => ({
    pk: FORGOTTEN_KEY,
    sk: incarnation,
    version: random.id(),
    attributes: { f: ITEM_FORMAT, g: groupId },
  });
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const first = await catalog.put(note(), { condition: { kind: 'ifAbsent' } }, call);
    if (first.stored) return;
    if (first.standing === undefined) continue;
    const condition = { kind: 'ifVersion', version: first.standing.version } as const;
    const renewed = await catalog.put(note(), { condition }, call);
    // Losing to another note means that it has been renewed just now; to none, that it was taken off.
    if (renewed.stored || renewed.standing !== undefined) return;
  }
  throw groupIsBusy(groupId);
}

/**
 * Works off the ledger. ⚑ An entry is left alone for an hour after this job has seen it first, by storage's clock: by then
 * whatever was sent to the incarnation has arrived, and the group's item tells whether it was given up at all. Cut off
 * anywhere, the next run goes on; many at once do no harm.
 */
export async function removeForgotten(deps: Dependencies, call: Call): Promise<ForgottenReport> {
  const tally = { forgottenCount: 0, removedOffsetCount: 0, waitingCount: 0 };
  for await (const { items, observation } of pagesOf(
    deps.catalog,
    FORGOTTEN_KEY,
    { limit: PAGE_ITEMS },
    call,
  )) {
    for (const entry of items) {
      if (isOver(deps, call)) return { ...tally, isComplete: false };
      if (!(await hasStood(deps, entry, storageMs(observation), call))) {
        tally.waitingCount += 1;
        continue;
      }
      const removal = await forget(deps, entry, call);
      tally.removedOffsetCount += removal.count;
      if (!removal.isComplete) return { ...tally, isComplete: false };
      tally.forgottenCount += 1;
    }
  }
  return { ...tally, isComplete: true };
}

async function hasStood(
  { catalog, random }: Dependencies,
  entry: Item<string>,
  nowMs: number,
  call: Call,
): Promise<boolean> {
  const read = new ItemReader('forgotten incarnation', entry);
  if (read.has('t')) return nowMs - read.number('t') >= LIMITS.forgottenOffsetsMsMin;
  const attributes = { ...entry.attributes, t: nowMs };
  const condition = { kind: 'ifVersion', version: entry.version } as const;
  // Losing means that somebody else has seen it first, or noted it anew.
  await catalog.put({ ...entry, version: random.id(), attributes }, { condition }, call);
  return false;
}

/** The entry goes last: as long as it stands, there may be something left. */
async function forget(deps: Dependencies, entry: Item<string>, call: Call): Promise<Removal> {
  const groupId = new ItemReader('forgotten incarnation', entry).string('g');
  const { group } = await readGroup(deps, groupId, { consistent: true }, call);
  // Whoever noted it has gone no further; nobody else has noted it since, or the entry would be another one.
  const isInUse = group?.incarnation === entry.sk;
  const removal = isInUse ? { count: 0, isComplete: true } : await removeOffsets(deps, entry.sk, call);
  if (removal.isComplete) await deps.catalog.delete(entry, { ifVersion: entry.version }, call);
  return removal;
}

export interface Removal {
  readonly count: number;
  readonly isComplete: boolean;
}

/** All offsets of an incarnation that was given up. */
export async function removeOffsets(deps: Dependencies, incarnation: string, call: Call): Promise<Removal> {
  const { catalog } = deps;
  let count = 0;
  for (;;) {
    if (isOver(deps, call)) return { count, isComplete: false };
    const range = { limit: PAGE_ITEMS, consistent: true };
    const { items, more } = await catalog.query(offsetsKey(incarnation), range, call);
    const removals = await atOnce(items, DELETES_AT_ONCE, (item) =>
      catalog.delete(item, { ifVersion: item.version }, call),
    );
    count += removals.filter(({ deleted }) => deleted).length;
    if (!more && removals.every(({ deleted }) => deleted)) return { count, isComplete: true };
  }
}

export function isOver({ clock }: Pick<EngineParts, 'clock'>, call: Call): boolean {
  return clock.monotonicMs() >= call.deadlineMs;
}
