import type { Call } from '../../storage/call.ts';
import type { Item } from '../../storage/table.ts';
import { type Group, groupItemKey, groupKey, isGroupItem } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { readGroup, type SeenGroup, seenGroup } from '../group-store.ts';
import { MEMBER_RANGE, type Member, memberFromItem } from './member-item.ts';
import { readMember } from './member-store.ts';

/** A group with some or all of its members. */
export interface GroupLook {
  readonly seen: SeenGroup;
  /** By member id. What is here need not be in the roster. */
  readonly members: readonly Member[];
  /** Whether all items are here, each looked at after the group. */
  readonly isComplete: boolean;
  /** An inconsistent look may only lead to the conclusion that there is nothing to do. */
  readonly isConsistent: boolean;
}

/** Members that one small look brings along: enough that in most groups every heartbeat notices the dead. */
export const MEMBERS_PER_LOOK = 33;
/** Of a page of a look at everything; it also ends at 1 MB. */
const PAGE_ITEMS = 1_000;

export interface LookOptions {
  readonly consistent: boolean;
  /** All members, however many; else those of one request. */
  readonly all: boolean;
}

/** One request, or as many as there are pages. The group's item comes first, so it is the oldest of what is seen. */
export async function lookAtGroup(
  deps: Pick<GroupParts, 'catalog'>,
  groupId: string,
  { consistent, all }: LookOptions,
  call: Call,
): Promise<GroupLook> {
  const found: Item<string>[] = [];
  const limit = all ? PAGE_ITEMS : MEMBERS_PER_LOOK + 1;
  const from = { from: groupItemKey(groupId).sk };
  let page = await query(deps, groupId, { ...from, limit, consistent }, call);
  const { observation } = page;
  found.push(...page.items);
  while (all && page.more) {
    const after = found.at(-1)?.sk;
    page = await query(
      deps,
      groupId,
      { ...(after === undefined ? from : { after }), limit, consistent },
      call,
    );
    found.push(...page.items);
  }
  const seen = seenGroup(groupId, found.find(isGroupItem), observation);
  const members = found.filter((item) => !isGroupItem(item)).map(memberFromItem);
  return { seen, members, isComplete: !page.more, isConsistent: consistent };
}

/** The group and one of its members; two requests, in this order. For groups that are too large to look at as a whole. */
export async function lookAtMember(
  deps: Pick<GroupParts, 'catalog'>,
  { groupId, memberId }: { readonly groupId: string; readonly memberId: string },
  call: Call,
): Promise<GroupLook> {
  const seen = await readGroup(deps, groupId, { consistent: true }, call);
  const { member } = await readMember(deps, groupId, memberId, call);
  const members = member === undefined ? [] : [member];
  return { seen, members, isComplete: false, isConsistent: true };
}

export function memberOf({ members }: GroupLook, memberId: string): Member | undefined {
  return members.find((member) => member.memberId === memberId);
}

export function isLarge(group: Group | undefined): boolean {
  return group !== undefined && group.roster.length > MEMBERS_PER_LOOK;
}

function query(
  { catalog }: Pick<GroupParts, 'catalog'>,
  groupId: string,
  range: { readonly from?: string; readonly after?: string; limit: number; consistent: boolean },
  call: Call,
): ReturnType<GroupParts['catalog']['query']> {
  return catalog.query(groupKey(groupId), { ...range, to: MEMBER_RANGE.to }, call);
}
