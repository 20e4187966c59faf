import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { observeNow } from '../../storage/observation.ts';
import type { Group } from '../group-item.ts';
import { readGroup } from '../group-store.ts';
import { pagesOf } from '../pages.ts';
import { GROUPS_KEY } from '../registry.ts';
import { offsetsOf } from './committed.ts';
import type { CommittedPosition } from './offset-item.ts';
import { type OffsetChange, putOffset } from './put-offset.ts';
import { HERE, vectorBeyond } from './vector.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'clock' | 'random'>;

/** Where a partition ends; undefined: it is not known. */
type EndOf = (place: { readonly topicId: string; readonly partition: number }) => number | undefined;

const PAGE_ITEMS = 256;

/**
 * For a log that was restored to an earlier time, while nobody uses it: positions beyond the end of their partition go back
 * to it, because what is appended there from now on has not been read. Answers how many went back. Throws `StorageFault`.
 */
export async function mendPositions(deps: Dependencies, endOf: EndOf, call: Call): Promise<number> {
  let count = 0;
  for await (const { items } of pagesOf(deps.catalog, GROUPS_KEY, { limit: PAGE_ITEMS }, call)) {
    for (const { sk: groupId } of items) {
      const { group } = await readGroup(deps, groupId, { consistent: true }, call);
      if (group !== undefined) count += await mendGroup(deps, group, endOf, call);
    }
  }
  return count;
}

async function mendGroup(deps: Dependencies, group: Group, endOf: EndOf, call: Call): Promise<number> {
  let count = 0;
  for await (const page of offsetsOf(deps, group.incarnation, call)) {
    for (const standing of page) {
      const end = endOf(standing);
      if (end === undefined || standing.position === undefined) continue;
      const position = within(standing.position, end);
      if (position === standing.position) continue;
      await mend(deps, group, { standing, next: { ...standing, position } }, call);
      count += 1;
    }
  }
  return count;
}

/** ⚑ Nor has anything been read of this region's own records behind the end, wherever the position stands. */
function within(position: CommittedPosition, end: number): CommittedPosition {
  const own = position.vector?.get(HERE) ?? 0;
  if (position.offset <= end && own <= end) return position;
  const { vector: all, ...rest } = position;
  const offset = Math.min(position.offset, end);
  const vector = vectorBeyond(own <= end ? all : new Map(all).set(HERE, end), offset);
  return { ...rest, offset, ...(vector === undefined ? {} : { vector }) };
}

async function mend(
  deps: Dependencies,
  { groupId, incarnation }: Group,
  change: Pick<OffsetChange, 'standing' | 'next'>,
  call: Call,
): Promise<void> {
  const began = observeNow(deps.clock);
  const { stored } = await putOffset(deps, { ...change, incarnation, began }, call);
  if (stored) return;
  throw new StorageFault('refused', `Group '${groupId}' is being used by others: stop them first`);
}
