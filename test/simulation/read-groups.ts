import { groupFromItem, groupItemKey, groupKey } from '../../lib/group/group-item.ts';
import { MEMBER_RANGE, memberFromItem } from '../../lib/group/members/member-item.ts';
import { offsetFromItem, offsetsKey } from '../../lib/group/offsets/offset-item.ts';
import { partitionKey } from '../../lib/partition/chunk.ts';
import type { Item } from '../../lib/storage/table.ts';
import type { GroupTruth, MemberRemoval, PositionChange, StoredPosition } from './group-truth.ts';
import type { Change } from './table-server.ts';

/** Everything that ever happened to groups, from the catalog's own history. */
export function readGroups(changes: readonly Change<string>[]): GroupTruth {
  const groups = new Map<string, StandingGroup>();
  const offsets = new Map<string, Map<string, StoredPosition>>();
  const positions: PositionChange[] = [];
  const removals: MemberRemoval[] = [];
  for (const change of changes) {
    const { pk, sk } = change.key;
    if (pk.startsWith(OFFSETS)) positions.push(...offsetChange(change, groups, offsets));
    if (!pk.startsWith(GROUP)) continue;
    const groupId = pk.slice(GROUP.length);
    const group = groups.get(groupId) ?? { incarnation: undefined, numbers: new Set(), names: new Map() };
    groups.set(groupId, group);
    if (sk >= MEMBER_RANGE.from && sk < MEMBER_RANGE.to) noteName(group, change.item);
    else if (sk === groupItemKey(groupId).sk) {
      const moved = applyGroup(group, change);
      removals.push(...moved.removed.map((memberId) => ({ groupId, memberId, ...mark(change) })));
      positions.push(...reincarnated(groupId, moved, offsets, change));
    }
  }
  return { positions, removals };
}

const OFFSETS = offsetsKey('');
const GROUP = groupKey('');

interface StandingGroup {
  incarnation: string | undefined;
  numbers: ReadonlySet<number>;
  /** Of everybody who ever was a member. */
  readonly names: Map<number, string>;
}

function mark({ atMs, by }: Change<string>): { readonly atMs: number; readonly by: string } {
  return { atMs, by };
}

function noteName({ names }: StandingGroup, item: Item<string> | undefined): void {
  if (item === undefined) return;
  const { number, memberId } = memberFromItem(item);
  names.set(number, memberId);
}

interface Moved {
  readonly removed: readonly string[];
  readonly from: string | undefined;
  readonly to: string | undefined;
}

function applyGroup(standing: StandingGroup, { item }: Change<string>): Moved {
  const group = item && groupFromItem(item);
  const numbers = new Set(group?.roster.map(({ number }) => number));
  const removed = [...standing.numbers].filter((number) => !numbers.has(number));
  const from = standing.incarnation;
  standing.numbers = numbers;
  standing.incarnation = group?.incarnation;
  return {
    removed: removed.flatMap((number) => standing.names.get(number) ?? []),
    from,
    to: standing.incarnation,
  };
}

/** With its incarnation a group changes all its positions at once. */
function reincarnated(
  groupId: string,
  { from, to }: Moved,
  offsets: ReadonlyMap<string, ReadonlyMap<string, StoredPosition>>,
  change: Change<string>,
): PositionChange[] {
  if (from === to) return [];
  const [before, after] = [offsets.get(from ?? ''), offsets.get(to ?? '')];
  const pks = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  return [...pks].map((pk) => ({
    groupId,
    pk,
    ...mark(change),
    before: before?.get(pk),
    after: after?.get(pk),
  }));
}

function offsetChange(
  change: Change<string>,
  groups: ReadonlyMap<string, StandingGroup>,
  offsets: Map<string, Map<string, StoredPosition>>,
): PositionChange[] {
  const { key, item } = change;
  const incarnation = key.pk.slice(OFFSETS.length);
  const standing = offsets.get(incarnation) ?? new Map<string, StoredPosition>();
  offsets.set(incarnation, standing);
  const { topicId, partition } = offsetFromItem(item ?? (change.before as Item<string>));
  const pk = partitionKey(topicId, partition);
  const before = standing.get(pk);
  const after = item && positionOf(item);
  if (after === undefined) standing.delete(pk);
  else standing.set(pk, after);
  const group = [...groups].find(([, { incarnation: current }]) => current === incarnation);
  if (group === undefined) return [];
  return [{ groupId: group[0], pk, ...mark(change), before, after }];
}

function positionOf(item: Item<string>): StoredPosition {
  const { position, owner } = offsetFromItem(item);
  return {
    committed: position && { offset: position.offset, metadata: position.metadata },
    owner,
  };
}
