import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import { attemptKey } from '../../partition/attempts.ts';
import { partitionKey } from '../../partition/chunk.ts';
import { producersKey, snapshotObjectPrefix } from '../../producer/snapshot.ts';
import type { Call } from '../../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { Item, SortKey, Table } from '../../storage/table.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import { DELETED_KEY } from '../../topic/topic-item.ts';
import { segmentObjectPrefix } from '../segment-item.ts';

export interface RemovalOptions {
  /** Items that carry an expiry are left to storage: DynamoDB deletes them for nothing, and bills what we delete. */
  readonly leavesToExpiry: boolean;
}

export interface RemovalReport {
  /** Deletions that had been cut off and are finished now. */
  readonly resumedCount: number;
  /** Topics of which nothing is left. */
  readonly removedCount: number;
  readonly removedItemCount: number;
  readonly removedObjectCount: number;
  /** Topics that were deleted too recently. */
  readonly waitingCount: number;
  /** False if the deadline came first; the next run goes on. */
  readonly isComplete: boolean;
}

/** A topic in the ledger of deleted ones. */
interface Remains {
  readonly item: Item<string>;
  readonly topicId: string;
  readonly partitionCount: number;
  /** When this job saw it first, on storage's clock if it has one. */
  readonly seenMs: number | undefined;
}

interface Tally {
  removedItemCount: number;
  removedObjectCount: number;
}

const PAGE_ITEMS = 256;
const DELETES_AT_ONCE = 16;
/** S3 takes this many keys in one request. */
const PAGE_OBJECTS = 1_000;

/**
 * Works off the ledger of deleted topics: first a cut-off deletion is finished; then, when a topic has stood in the ledger
 * for two hours, every item of its partitions is removed, the objects of its segments and snapshots, and at last its entry. Cut off
 * anywhere, the next run goes on; many at once do no harm. Spilled objects are left to the sweep, because they may hold
 * other topics' chunks too.
 *
 * ⚑ The two hours are counted from when this job has first seen the entry, by storage's clock: until then a writer that
 * knows the topic may still be on its way, and has to meet the closed marker. Every write to a partition is fenced so
 * that it comes within less (`LIMITS.deletedTopicGraceMs`).
 */
export async function removeDeletedTopics(
  parts: EngineParts,
  options: RemovalOptions,
  call: Call,
): Promise<RemovalReport> {
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  const resumedCount = (await topics.resumeDeletions(call)).length;
  const tally: Tally = { removedItemCount: 0, removedObjectCount: 0 };
  let removedCount = 0;
  let waitingCount = 0;
  let isComplete = true;
  for await (const { page, nowMs } of ledger(parts, call)) {
    for (const remains of page) {
      if (isOver(parts, call)) isComplete = false;
      else if (!(await hasStood(parts, remains, nowMs, call))) waitingCount += 1;
      else if (await removeTopic(parts, { ...options, remains, tally }, call)) removedCount += 1;
      else isComplete = false;
    }
    if (!isComplete) break;
  }
  return { resumedCount, removedCount, ...tally, waitingCount, isComplete };
}

async function* ledger(
  { catalog, clock }: EngineParts,
  call: Call,
): AsyncGenerator<{ readonly page: readonly Remains[]; readonly nowMs: number }> {
  let after: string | undefined;
  for (;;) {
    const range = { limit: PAGE_ITEMS, consistent: true, ...(after === undefined ? {} : { after }) };
    const page = await catalog.query(DELETED_KEY, range, call);
    const nowMs = page.observation.serverMs ?? clock.wallMs();
    yield { page: page.items.map(remainsFromItem), nowMs };
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
function remainsFromItem(item: Item<string>): Remains {
  const read = new ItemReader('deleted topic', item);
  return {
    item,
    topicId: item.sk,
    partitionCount: read.number('p'),
    seenMs: read.has('t') ? read.number('t') : undefined,
  };
}

async function hasStood(
  { catalog, random }: EngineParts,
  { item, seenMs }: Remains,
  nowMs: number,
  call: Call,
): Promise<boolean> {
  if (seenMs !== undefined) return nowMs - seenMs >= LIMITS.deletedTopicGraceMs;
  const attributes = { ...item.attributes, f: ITEM_FORMAT, t: nowMs };
  const condition = { kind: 'ifVersion', version: item.version } as const;
  // Losing means that somebody else has noted it.
  await catalog.put({ ...item, version: random.id(), attributes }, { condition }, call);
  return false;
}

interface Removal extends RemovalOptions {
  readonly remains: Remains;
  readonly tally: Tally;
}

/** False if time ran out. The entry goes last: as long as it stands, there may be something left. */
async function removeTopic(parts: EngineParts, removal: Removal, call: Call): Promise<boolean> {
  const { leavesToExpiry, tally } = removal;
  const { topicId, partitionCount, item } = removal.remains;
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const pk = partitionKey(topicId, partition);
    const isGone =
      (await removeChunks(parts, { ...removal, pk }, call)) &&
      (await removeItems(parts, { tally, table: parts.catalog, pk }, call)) &&
      (await removeItems(parts, { tally, table: parts.catalog, pk: producersKey(pk) }, call)) &&
      (leavesToExpiry ||
        (await removeItems(parts, { tally, table: parts.catalog, pk: attemptKey(pk) }, call)));
    if (!isGone) return false;
  }
  for (const prefix of [segmentObjectPrefix(topicId), snapshotObjectPrefix(topicId)]) {
    if (!(await removeObjects(parts, prefix, tally, call))) return false;
  }
  await parts.catalog.delete(item, { ifVersion: item.version }, call);
  return true;
}

/** Only the closed marker, the last item of a chain, has no expiry. */
async function removeChunks(
  parts: EngineParts,
  { leavesToExpiry, tally, pk }: Removal & { readonly pk: string },
  call: Call,
): Promise<boolean> {
  if (!leavesToExpiry) return removeItems(parts, { tally, table: parts.hot, pk }, call);
  const page = await parts.hot.query(pk, { reverse: true, limit: 1, consistent: true }, call);
  const markers = page.items.filter(({ expiresAtSeconds }) => expiresAtSeconds === undefined);
  for (const marker of markers) await parts.hot.delete(marker, { ifVersion: marker.version }, call);
  tally.removedItemCount += markers.length;
  return true;
}

async function removeItems<S extends SortKey>(
  parts: EngineParts,
  { table, pk, tally }: { readonly table: Table<S>; readonly pk: string; readonly tally: Tally },
  call: Call,
): Promise<boolean> {
  for (;;) {
    if (isOver(parts, call)) return false;
    const { items, more } = await table.query(pk, { limit: PAGE_ITEMS, consistent: true }, call);
    let isReplaced = false;
    for (let at = 0; at < items.length; at += DELETES_AT_ONCE) {
      const removals = items
        .slice(at, at + DELETES_AT_ONCE)
        .map((item) => table.delete(item, { ifVersion: item.version }, call));
      for (const { deleted } of await Promise.all(removals)) {
        if (deleted) tally.removedItemCount += 1;
        else isReplaced = true;
      }
    }
    if (!more && !isReplaced) return true;
  }
}

async function removeObjects(parts: EngineParts, prefix: string, tally: Tally, call: Call): Promise<boolean> {
  for (;;) {
    if (isOver(parts, call)) return false;
    const { objects, more } = await parts.bucket.list(prefix, { limit: PAGE_OBJECTS }, call);
    const keys = objects.map(({ key }) => key);
    if (keys.length > 0) await parts.bucket.delete(keys, call);
    tally.removedObjectCount += keys.length;
    if (!more) return true;
  }
}

function isOver({ clock }: EngineParts, call: Call): boolean {
  return clock.monotonicMs() >= call.deadlineMs;
}
