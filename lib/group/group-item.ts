import { InvariantError } from '../errors.ts';
import { StorageFault } from '../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { AttributeValue, Item, Key } from '../storage/table.ts';
import { isList } from '../storage/units.ts';

/**
 * What a group's members agree on: who belongs to it, who owns what, and who is to own it. Everything that changes
 * hands does so by a compare-and-set of this one item (lib/group/group-store.ts).
 */
export interface Group {
  readonly groupId: string;
  /** Raised with every change of the target or of the roster; 0 until the first member joins. */
  readonly groupEpoch: number;
  /** Random; part of the offsets' key, so that offsets of a group that was deleted or has expired are not met again. */
  readonly incarnation: string;
  readonly assignor: AssignorName;
  /** When the epoch or the incarnation changed last, ms, by storage's clock. */
  readonly changedMs: number;
  /** The different subscriptions of its members: most members of a group have the same one. */
  readonly subscriptions: readonly Subscription[];
  /** In the order in which `range` deals partitions out: static members by instance id, then the others as they joined. */
  readonly roster: readonly RosterEntry[];
  /** Every topic that is there and subscribed to, or still owned by somebody. Sorted by name. */
  readonly topics: readonly GroupTopic[];
}

export type AssignorName = 'uniform' | 'range';

/** `topics` sorted and without duplicates; `topicRegex` and `assignor` are empty if the member gave none. */
export interface Subscription {
  readonly topics: readonly string[];
  readonly topicRegex: string;
  readonly assignor: AssignorName | '';
}

/** `number` is drawn anew, 48 random bits, whenever somebody is admitted: it never stands for anybody else. Not 0. */
export interface RosterEntry {
  readonly number: number;
  /** Index into `subscriptions`. */
  readonly subscription: number;
}

/** Members by their numbers, one for each partition; 0 is nobody. */
export interface GroupTopic {
  readonly topicId: string;
  readonly name: string;
  readonly owner: readonly number[];
  readonly target: readonly number[];
}

/** 48 random bits. */
export const MEMBER_NUMBERS: number = 2 ** 48;
const ROSTER_ENTRY_BYTES = 8;
/** What a partition takes in `owner`, and in `target` where that differs. */
export const OWNER_BYTES = 2;
const GROUP_SORT_KEY = 'group';

/** The partition key of a group's items: the group itself first, then its members. */
export function groupKey(groupId: string): string {
  return `group#${groupId}`;
}

export function groupItemKey(groupId: string): Key<string> {
  return { pk: groupKey(groupId), sk: GROUP_SORT_KEY };
}

export function isGroupItem(item: Item<string>): boolean {
  return item.sk === GROUP_SORT_KEY;
}

/*
 * Item layout in the catalog: pk = group#<group id>, sk = group, and
 *
 *   f  format number   e  group epoch   i  incarnation   a  assignor   c  ms of the last change
 *   s  [[[topic, …], regex, assignor], …]   the different subscriptions
 *   m  the roster, if there is anybody, 8 bytes each: uint48 number, uint16 subscription
 *   t  [[topic id, name, owners, targets], …]   2 bytes for each partition: 1 + the member's place in the roster, 0 for
 *      nobody; the targets are left out where they equal the owners
 *
 * The item of a deleted group has only f and d = 1, and expires.
 */
export function groupToItem(group: Group, version: string): Item<string> {
  const places = new Map(group.roster.map(({ number }, place) => [number, place + 1]));
  places.set(0, 0);
  return {
    ...groupItemKey(group.groupId),
    version,
    attributes: {
      f: ITEM_FORMAT,
      e: group.groupEpoch,
      i: group.incarnation,
      a: group.assignor,
      c: group.changedMs,
      s: group.subscriptions.map(({ topics, topicRegex, assignor }) => [topics, topicRegex, assignor]),
      ...(group.roster.length === 0 ? {} : { m: rosterBytes(group.roster) }),
      t: group.topics.map((topic) => topicToList(topic, places)),
    },
  };
}

/** Undefined for a group that was deleted. Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function groupFromItem(item: Item<string>): Group | undefined {
  const read = new ItemReader('group', item);
  if (read.has('d')) return undefined;
  const damaged = (what: string): never => {
    throw new StorageFault('damaged', `group item ${item.pk} / ${item.sk}: ${what}`);
  };
  const roster = read.has('m') ? rosterFromBytes(read.bytes('m')) : [];
  const numbers = [0];
  for (const { number } of roster) numbers.push(number);
  const assignor = read.string('a');
  return {
    groupId: item.pk.slice(groupKey('').length),
    groupEpoch: read.number('e'),
    incarnation: read.string('i'),
    assignor: isAssignor(assignor) ? assignor : damaged(`no assignor '${assignor}'`),
    changedMs: read.number('c'),
    subscriptions: read.list('s').map((list) => subscriptionFromList(list) ?? damaged('a subscription')),
    roster,
    topics: read.list('t').map((list) => topicFromList(list, numbers) ?? damaged('a topic')),
  };
}

/** What takes the place of a deleted group's item, so that no late request finds the place empty. */
export function deletedGroupToItem(
  groupId: string,
  options: { readonly version: string; readonly expiresAtSeconds: number },
): Item<string> {
  return { ...groupItemKey(groupId), ...options, attributes: { f: ITEM_FORMAT, d: 1 } };
}

export function isAssignor(name: string): name is AssignorName {
  return name === 'uniform' || name === 'range';
}

function rosterBytes(roster: readonly RosterEntry[]): Uint8Array {
  const bytes = Buffer.alloc(roster.length * ROSTER_ENTRY_BYTES);
  roster.forEach(({ number, subscription }, place) => {
    bytes.writeUIntBE(number, place * ROSTER_ENTRY_BYTES, 6);
    bytes.writeUInt16BE(subscription, place * ROSTER_ENTRY_BYTES + 6);
  });
  return bytes;
}

function rosterFromBytes(bytes: Uint8Array): readonly RosterEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const roster: RosterEntry[] = [];
  for (let at = 0; at + ROSTER_ENTRY_BYTES <= bytes.length; at += ROSTER_ENTRY_BYTES) {
    const number = view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
    roster.push({ number, subscription: view.getUint16(at + 6) });
  }
  return roster;
}

function topicToList(topic: GroupTopic, places: ReadonlyMap<number, number>): AttributeValue {
  const { topicId, name, owner, target } = topic;
  const head = [topicId, name, placesToBytes(owner, places)];
  return isSettledTopic(topic) ? head : [...head, placesToBytes(target, places)];
}

/** Whether every partition belongs to whom it is meant for. */
export function isSettledTopic({ owner, target }: GroupTopic): boolean {
  return owner.every((number, partition) => number === target[partition]);
}

function placesToBytes(numbers: readonly number[], places: ReadonlyMap<number, number>): Uint8Array {
  const bytes = Buffer.alloc(numbers.length * OWNER_BYTES);
  numbers.forEach((number, partition) => {
    const place = places.get(number);
    if (place === undefined)
      throw new InvariantError(`member ${number} owns something and is not in the roster`);
    bytes.writeUInt16BE(place, partition * OWNER_BYTES);
  });
  return bytes;
}

function topicFromList(list: AttributeValue, numbers: readonly number[]): GroupTopic | undefined {
  if (!isList(list)) return undefined;
  const [topicId, name, owners, targets = owners] = list;
  if (typeof topicId !== 'string' || typeof name !== 'string') return undefined;
  if (!(owners instanceof Uint8Array && targets instanceof Uint8Array)) return undefined;
  if (owners.length !== targets.length) return undefined;
  const owner = placesFromBytes(owners, numbers);
  const target = placesFromBytes(targets, numbers);
  return owner === undefined || target === undefined ? undefined : { topicId, name, owner, target };
}

function placesFromBytes(bytes: Uint8Array, numbers: readonly number[]): readonly number[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: number[] = [];
  for (let at = 0; at + OWNER_BYTES <= bytes.length; at += OWNER_BYTES) {
    const number = numbers[view.getUint16(at)];
    if (number === undefined) return undefined;
    found.push(number);
  }
  return found;
}

function subscriptionFromList(list: AttributeValue): Subscription | undefined {
  if (!isList(list)) return undefined;
  const [topics, topicRegex, assignor] = list;
  if (topics === undefined || !isList(topics) || typeof topicRegex !== 'string') return undefined;
  if (typeof assignor !== 'string' || !(assignor === '' || isAssignor(assignor))) return undefined;
  return { topics: topics.filter((topic) => typeof topic === 'string'), topicRegex, assignor };
}
