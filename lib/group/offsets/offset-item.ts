import type { CommittedOffset, Vector } from '../../groups.ts';
import { StorageFault } from '../../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { AttributeValue, Item } from '../../storage/table.ts';
import { vectorFromAttribute, vectorToAttribute } from './vector.ts';

/** Where a group goes on in one partition, and who may say so. */
export interface PartitionOffset {
  readonly topicId: string;
  readonly partition: number;
  /** Names never change; a topic that is made again under the name has another id. */
  readonly topic: string;
  /** Undefined: nothing is committed there. */
  readonly position: CommittedPosition | undefined;
  /** ⚑ The member that took the partition over; undefined: nobody, its last change was made from outside the group. */
  readonly owner: string | undefined;
  /**
   * ⚑ The group's epoch that was seen by whoever took the partition over, or changed it from outside. It never goes back:
   * who saw the group at an earlier epoch comes too late.
   */
  readonly takenAt: number;
  /** The last commit of another region that was carried over here; it stays when local clients go on from it. */
  readonly carried?: CarriedCommit | undefined;
}

/** A position that local clients of another region committed there. */
export interface CarriedCommit {
  /** The region's alias. */
  readonly source: string;
  readonly offset: number;
  /** What it was here, if that was another offset: it was translated, or lay beyond the end. */
  readonly here?: number;
}

export interface CommittedPosition {
  readonly offset: number;
  /** -1: unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** By storage's clock, as far as the process knows it. */
  readonly committedMs: number;
  /** Of a merged topic: what has been read behind the offset, if something has. */
  readonly vector?: Vector;
  /** ⚑ Set on a position that was carried over: the region in which it was committed. It is never sent on. */
  readonly source?: string;
  /** Of a position that was carried over: what local clients had committed in its place, if they had. */
  readonly localOffset?: number;
  /** What they had read behind that, if they had. */
  readonly localVector?: Vector;
}

/** As it stands in storage. */
export interface StandingOffset extends PartitionOffset {
  readonly version: string;
}

/** ⚑ A deleted group's offsets lie under another key than those of a group that gets its name later. */
export function offsetsKey(incarnation: string): string {
  return `offsets#${incarnation}`;
}

export function offsetSortKey(topicId: string, partition: number): string {
  return `${topicId}:${String(partition).padStart(5, '0')}`;
}

/*
 * Item layout in the catalog: pk = offsets#incarnation, sk = topicId:partition in 5 digits, and
 *
 *   f  format number   n  topic name   k  takenAt   w  owner, if there is one
 *   o  offset, t  committed, ms since 1970, l  leader epoch unless it is -1, m  metadata unless it is empty: if something is committed
 *   p  [alias, offset, …]: what has been read behind the offset, if something has
 *   r  alias of the region that it was committed in, unless that is this one   h, j  the local clients' offset beneath that, and like p
 *   y  [alias, offset] of the last commit of another region that was carried over, if there was one, and what that was here if it
 *      was another offset
 */
export function offsetToItem(incarnation: string, offset: PartitionOffset, version: string): Item<string> {
  const attributes: Record<string, AttributeValue> = { f: ITEM_FORMAT, n: offset.topic, k: offset.takenAt };
  if (offset.owner !== undefined) attributes.w = offset.owner;
  if (offset.position !== undefined) Object.assign(attributes, positionAttributes(offset.position));
  if (offset.carried !== undefined) {
    const { source, offset: theirs, here } = offset.carried;
    attributes.y = here === undefined ? [source, theirs] : [source, theirs, here];
  }
  return {
    pk: offsetsKey(incarnation),
    sk: offsetSortKey(offset.topicId, offset.partition),
    version,
    attributes,
  };
}

function positionAttributes(position: CommittedPosition): Record<string, AttributeValue> {
  const { offset, committedMs, leaderEpoch, metadata, vector, source, localOffset, localVector } = position;
  return {
    o: offset,
    t: committedMs,
    ...(leaderEpoch >= 0 ? { l: leaderEpoch } : {}),
    ...(metadata === '' ? {} : { m: metadata }),
    ...(vector === undefined ? {} : { p: vectorToAttribute(vector) }),
    ...(source === undefined ? {} : { r: source }),
    ...(localOffset === undefined ? {} : { h: localOffset }),
    ...(localVector === undefined ? {} : { j: vectorToAttribute(localVector) }),
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function offsetFromItem(item: Item<string>): StandingOffset {
  const read = new ItemReader('offset', item);
  return {
    topicId: item.sk.slice(0, -6),
    partition: Number(item.sk.slice(-5)),
    topic: read.string('n'),
    position: read.has('o') ? positionFrom(read) : undefined,
    owner: read.has('w') ? read.string('w') : undefined,
    takenAt: read.number('k'),
    ...(read.has('y') ? { carried: carriedFrom(read) } : {}),
    version: item.version,
  };
}

function carriedFrom(read: ItemReader<string>): CarriedCommit {
  const [source, offset, here] = read.list('y');
  if (typeof source === 'string' && typeof offset === 'number') {
    return { source, offset, ...(typeof here === 'number' ? { here } : {}) };
  }
  throw new StorageFault('damaged', "an offset item's attribute 'y' holds no commit");
}

function positionFrom(read: ItemReader<string>): CommittedPosition {
  return {
    offset: read.number('o'),
    leaderEpoch: read.has('l') ? read.number('l') : -1,
    metadata: read.has('m') ? read.string('m') : '',
    committedMs: read.number('t'),
    ...(read.has('p') ? { vector: vectorFromAttribute(read.list('p')) } : {}),
    ...(read.has('r') ? { source: read.string('r') } : {}),
    ...(read.has('h') ? { localOffset: read.number('h') } : {}),
    ...(read.has('j') ? { localVector: vectorFromAttribute(read.list('j')) } : {}),
  };
}

/** Undefined if nothing is committed. */
export function committedOf(offset: PartitionOffset): CommittedOffset | undefined {
  const { topic, topicId, partition, position } = offset;
  if (position === undefined) return undefined;
  const { leaderEpoch, metadata, committedMs, vector } = position;
  return {
    ...{ topic, topicId, partition, offset: position.offset, leaderEpoch, metadata, committedMs },
    ...(vector === undefined ? {} : { vector }),
  };
}
