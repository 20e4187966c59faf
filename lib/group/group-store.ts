import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import type { Observation } from '../storage/observation.ts';
import type { Condition, Item } from '../storage/table.ts';
import { itemBytes } from '../storage/units.ts';
import {
  deletedGroupToItem,
  type Group,
  groupFromItem,
  groupItemKey,
  groupToItem,
  isSettledTopic,
  OWNER_BYTES,
} from './group-item.ts';
import type { GroupParts } from './group-parts.ts';
import { register } from './registry.ts';
import { storageMs } from './storage-time.ts';

type Dependencies = Pick<GroupParts, 'catalog' | 'clock' | 'random'>;

/** A group and when it was seen. */
export interface SeenGroup {
  readonly groupId: string;
  /** Undefined: there is none, or it was deleted. */
  readonly group: Group | undefined;
  /** Of its item, or of that which a deleted group has left. */
  readonly version: string | undefined;
  readonly observation: Observation;
}

/** As long as any. */
const SOME_VERSION = 'vvvvvvvvvvvvvvvv';

/** Concurrent changes of one group that a change gives way to before it gives up. */
const CHANGE_TRIES_MAX = 32;

export async function readGroup(
  deps: Pick<GroupParts, 'catalog'>,
  groupId: string,
  options: { readonly consistent: boolean },
  call: Call,
): Promise<SeenGroup> {
  const { item, observation } = await deps.catalog.get(groupItemKey(groupId), options, call);
  return seenGroup(groupId, item, observation);
}

export function seenGroup(
  groupId: string,
  item: Item<string> | undefined,
  observation: Observation,
): SeenGroup {
  const group = item === undefined ? undefined : groupFromItem(item);
  return { groupId, group, version: item?.version, observation };
}

/** A group that nobody has joined yet, not stored. */
export function newGroup({ random }: Pick<GroupParts, 'random'>, seen: SeenGroup): Group {
  return {
    groupId: seen.groupId,
    groupEpoch: 0,
    incarnation: random.uuid(),
    assignor: 'uniform',
    changedMs: storageMs(seen.observation),
    subscriptions: [],
    roster: [],
    topics: [],
  };
}

export type GroupPut =
  /** `seen`: as it stands now, to build the next change upon. */
  | { readonly stored: true; readonly seen: SeenGroup }
  /** Somebody else was first; `seen` is what stands now. An earlier attempt of this put may have been stored before that. */
  | { readonly stored: false; readonly seen: SeenGroup };

/**
 * Puts a group in the place of what was seen, which must be at most a minute old; `undefined` deletes it. One request,
 * and two or three when it creates the group. GROUP_MAX_SIZE_REACHED if its item would grow too large.
 */
export async function putGroup(
  deps: Dependencies,
  seen: SeenGroup,
  group: Group | undefined,
  call: Call,
): Promise<GroupPut> {
  const { groupId } = seen;
  const version = deps.random.id();
  const item = group === undefined ? tombstone(seen, version) : groupToItem(group, version);
  if (group !== undefined) checkFits(group, item);
  const creates = seen.group === undefined && group !== undefined;
  const registered = creates ? [await register(deps, groupId, call)] : [];
  const fences = [seen.observation, ...registered].map((observation) => ({
    observation,
    ageMsMax: LIMITS.fenceAgeMsMax,
  }));
  const condition: Condition =
    seen.version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: seen.version };
  const result = await deps.catalog.put(item, { condition, fences }, call);
  if (result.stored) {
    return { stored: true, seen: { groupId, group, version, observation: result.observation } };
  }
  return { stored: false, seen: seenGroup(groupId, result.standing, result.observation) };
}

/**
 * Changes a group as `change` says, which is asked again about what stands there when somebody else was first.
 * `unchanged` leaves it as it is; `undefined` deletes it. Answers what holds then, seen consistently.
 */
export async function changeGroup(
  deps: Dependencies,
  groupId: string,
  change: (seen: SeenGroup) => Group | undefined | 'unchanged',
  call: Call,
): Promise<SeenGroup> {
  let seen = await readGroup(deps, groupId, { consistent: true }, call);
  for (let tries = 0; tries < CHANGE_TRIES_MAX; tries += 1) {
    const changed = change(seen);
    if (changed === 'unchanged' || (changed === undefined && seen.group === undefined)) return seen;
    const result = await putGroup(deps, seen, changed, call);
    seen = result.seen;
    if (result.stored) return seen;
  }
  throw groupIsBusy(groupId);
}

export function groupIsBusy(groupId: string): MillraceError {
  return new MillraceError('REQUEST_TIMED_OUT', `Group '${groupId}' is being changed by others; try again`);
}

function tombstone({ groupId, observation }: SeenGroup, version: string): Item<string> {
  const expiresAtSeconds = Math.ceil((storageMs(observation) + LIMITS.deletedGroupLifeMs) / 1000);
  return deletedGroupToItem(groupId, { version, expiresAtSeconds });
}

/**
 * GROUP_MAX_SIZE_REACHED if the group's item would be too large; counted as if every target differed from its owners, so
 * that no later step of the same members on the same topics fails.
 */
export function checkFits(group: Group, item: Item<string> = groupToItem(group, SOME_VERSION)): void {
  const settled = group.topics.filter(isSettledTopic);
  const targetBytes = settled.reduce((sum, { owner }) => sum + OWNER_BYTES * owner.length, 0);
  const bytes = itemBytes(item) + targetBytes;
  if (bytes <= LIMITS.groupItemBytesMax) return;
  const message = `The group's members, topics and subscriptions take ${bytes} bytes; at most ${LIMITS.groupItemBytesMax} can be stored`;
  throw new MillraceError('GROUP_MAX_SIZE_REACHED', message);
}
