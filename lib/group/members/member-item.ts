import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { Item, Key } from '../../storage/table.ts';
import { groupKey } from '../group-item.ts';

/** What is known of one member besides its place in the group. Its subscription stands with the group. */
export interface Member {
  readonly memberId: string;
  /** It is a member only while the group's roster has this number. */
  readonly number: number;
  /** What it was answered last, or will have been once it is admitted; `AWAY` for a static member that has left for a while. */
  readonly memberEpoch: number;
  /** The one before: its answer may not have arrived. */
  readonly previousEpoch: number;
  /** Empty unless it is static. */
  readonly instanceId: string;
  readonly clientId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Storage's time at the heartbeat that wrote the item. */
  readonly seenMs: number;
  /** Since when it has been told to give something up that it still holds, by storage's clock; 0 if there is nothing. */
  readonly revokingSinceMs: number;
  /** Of the item as it was read; empty before it is first put. */
  readonly version: string;
}

/** Kafka's member epoch of a static member that will come back. */
export const AWAY: number = -2;

const MEMBER_PREFIX = 'm#';

/** Bounds of the sort keys of all members of a group: `$` comes right behind `#`. */
export const MEMBER_RANGE: { readonly from: string; readonly to: string } = { from: MEMBER_PREFIX, to: 'm$' };

export function memberItemKey(groupId: string, memberId: string): Key<string> {
  return { pk: groupKey(groupId), sk: `${MEMBER_PREFIX}${memberId}` };
}

/*
 * Item layout in the catalog: pk = group#<group id>, sk = m#<member id>, and
 *
 *   f  format number   n  number   e  member epoch   p  previous epoch   i  instance id   c  client id, each if any
 *   s  session timeout, ms   r  rebalance timeout, ms   t  last seen, ms   u  revoking since, ms, if it is
 */
export function memberToItem(groupId: string, member: Member, version: string): Item<string> {
  return {
    ...memberItemKey(groupId, member.memberId),
    version,
    attributes: {
      f: ITEM_FORMAT,
      n: member.number,
      e: member.memberEpoch,
      p: member.previousEpoch,
      ...(member.instanceId === '' ? {} : { i: member.instanceId }),
      ...(member.clientId === '' ? {} : { c: member.clientId }),
      s: member.sessionTimeoutMs,
      r: member.rebalanceTimeoutMs,
      t: member.seenMs,
      ...(member.revokingSinceMs === 0 ? {} : { u: member.revokingSinceMs }),
    },
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function memberFromItem(item: Item<string>): Member {
  const read = new ItemReader('member', item);
  return {
    memberId: item.sk.slice(MEMBER_PREFIX.length),
    number: read.number('n'),
    memberEpoch: read.number('e'),
    previousEpoch: read.number('p'),
    instanceId: read.has('i') ? read.string('i') : '',
    clientId: read.has('c') ? read.string('c') : '',
    sessionTimeoutMs: read.number('s'),
    rebalanceTimeoutMs: read.number('r'),
    seenMs: read.number('t'),
    revokingSinceMs: read.has('u') ? read.number('u') : 0,
    version: item.version,
  };
}
