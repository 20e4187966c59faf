import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import type { Condition, Item, Table } from '../../storage/table.ts';
import { type Group, groupKey } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { MEMBER_RANGE, type Member, memberFromItem, memberItemKey, memberToItem } from './member-item.ts';

/** Of a query of all members; a page also ends at 1 MB. */
const PAGE_ITEMS = 1_000;

export interface SeenMember {
  readonly member: Member | undefined;
  readonly observation: Observation;
}

/** Consistent. What is found need not be a member: see `isInRoster`. */
export async function readMember(
  deps: Pick<GroupParts, 'catalog'>,
  groupId: string,
  memberId: string,
  call: Call,
): Promise<SeenMember> {
  const key = memberItemKey(groupId, memberId);
  const { item, observation } = await deps.catalog.get(key, { consistent: true }, call);
  return { member: item === undefined ? undefined : memberFromItem(item), observation };
}

export interface SeenMembers {
  readonly members: readonly Member[];
  /** Of the first page. */
  readonly observation: Observation;
}

/** Consistent, all of them by member id. What is found need not all be members: see `isInRoster`. */
export async function readMembers(
  deps: Pick<GroupParts, 'catalog'>,
  groupId: string,
  call: Call,
): Promise<SeenMembers> {
  const found: Item<string>[] = [];
  let first: Observation | undefined;
  let after: string | undefined;
  for (;;) {
    const page = await queryMembers(deps.catalog, { groupId, after }, call);
    first ??= page.observation;
    found.push(...page.items);
    after = page.items.at(-1)?.sk ?? after;
    if (!page.more) return { members: found.map(memberFromItem), observation: first };
  }
}

/** Puts a member's item in the place of the one it was read from. Answers it as stored; undefined if somebody else was first. */
export async function putMember(
  { catalog, random }: Pick<GroupParts, 'catalog' | 'random'>,
  groupId: string,
  member: Member,
  call: Call,
): Promise<Member | undefined> {
  const version = random.id();
  const condition: Condition =
    member.version === '' ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: member.version };
  const { stored } = await catalog.put(memberToItem(groupId, member, version), { condition }, call);
  return stored ? { ...member, version } : undefined;
}

/** A member's item may be there before it is admitted, and after it has left. */
export function isInRoster(group: Group, member: Member): boolean {
  return group.roster.some(({ number }) => number === member.number);
}

function queryMembers(
  catalog: Table<string>,
  { groupId, after }: { readonly groupId: string; readonly after: string | undefined },
  call: Call,
): ReturnType<Table<string>['query']> {
  const from = after === undefined ? {} : { after };
  const range = { ...MEMBER_RANGE, ...from, limit: PAGE_ITEMS, consistent: true };
  return catalog.query(groupKey(groupId), range, call);
}
