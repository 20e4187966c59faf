import type { EngineParts } from '../../engine-parts.ts';
import type { Vector } from '../../groups.ts';
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

/**
 * ⚑ Nor has anything been read of this region's own records behind the end, wherever the position stands; nor had local
 * clients, where it was carried over.
 */
function within(position: CommittedPosition, end: number): CommittedPosition {
  const { vector, localOffset, localVector, ...rest } = position;
  const own = [position.offset, vector?.get(HERE), localOffset, localVector?.get(HERE)];
  if (own.every((offset) => offset === undefined || offset <= end)) return position;
  const offset = Math.min(position.offset, end);
  const left = vectorWithin(vector, offset, end);
  const local = localOffset === undefined ? undefined : Math.min(localOffset, end);
  const localLeft = vectorWithin(localVector, local ?? 0, end);
  return {
    ...rest,
    offset,
    ...(left === undefined ? {} : { vector: left }),
    ...(local === undefined ? {} : { localOffset: local }),
    ...(localLeft === undefined ? {} : { localVector: localLeft }),
  };
}

function vectorWithin(vector: Vector | undefined, offset: number, end: number): Vector | undefined {
  const own = vector?.get(HERE) ?? 0;
  return vectorBeyond(own <= end ? vector : new Map(vector).set(HERE, end), offset);
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
