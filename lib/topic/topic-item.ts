import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Item } from '../storage/table.ts';
import type { TopicConfigs } from './configs.ts';
import { type PromotedFrom, promotedFromAttribute, promotedToAttribute } from './promoted-from.ts';
import { type RemoteOrigin, remoteFromAttribute, remoteToAttribute } from './remote-origin.ts';

export interface Topic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly configs: TopicConfigs;
  /**
   * Stands in every batch that is appended from now on. A restore to an earlier time raises it: offsets that had been given
   * to records which are lost are given again, and the epoch tells readers so (KIP-101, KIP-320).
   */
  readonly leaderEpoch: number;
  /**
   * `deleting`: its partitions are being closed; the name answers as unknown and is free once that is done.
   * `deleted`: the name is free; the item stays for a day, so that no late retry of a creation finds nothing in its way.
   */
  readonly state: 'active' | 'deleting' | 'deleted';
  /** Set on a topic that a flow keeps: what it is a copy of. */
  readonly remote?: RemoteOrigin;
  /** Set on a topic that such a flow kept once: where it ended then. */
  readonly promoted?: PromotedFrom;
  readonly expiresAtSeconds?: number;
  readonly version: string;
}

export const TOPICS_KEY = 'topics';
/** Deleted topics whose items and objects are not all gone yet: pk of their ledger, sk = topic id. */
export const DELETED_KEY = 'deleted';

/*
 * Item layout in the catalog: pk = topics, sk = name, and
 *
 *   f  format number   t  topic id   p  partition count   c  {config: value}   d  1 while it is being deleted, 2 afterwards
 *   e  leader epoch, unless it is 0
 *   r  what it is a copy of, only on remote topics (remote-origin.ts)
 *   m  what it was a copy of, only on promoted topics (promoted-from.ts)
 */
export function topicToItem(topic: Topic): Item<string> {
  return {
    pk: TOPICS_KEY,
    sk: topic.name,
    version: topic.version,
    ...(topic.expiresAtSeconds === undefined ? {} : { expiresAtSeconds: topic.expiresAtSeconds }),
    attributes: {
      f: ITEM_FORMAT,
      t: topic.topicId,
      p: topic.partitionCount,
      c: { ...topic.configs },
      ...(topic.leaderEpoch === 0 ? {} : { e: topic.leaderEpoch }),
      ...(topic.state === 'active' ? {} : { d: topic.state === 'deleting' ? 1 : 2 }),
      ...(topic.remote === undefined ? {} : { r: remoteToAttribute(topic.remote) }),
      ...(topic.promoted === undefined ? {} : { m: promotedToAttribute(topic.promoted) }),
    },
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function topicFromItem(item: Item<string>): Topic {
  const read = new ItemReader('topic', item);
  return {
    name: item.sk,
    topicId: read.string('t'),
    partitionCount: read.number('p'),
    configs: read.strings('c'),
    leaderEpoch: read.has('e') ? read.number('e') : 0,
    state: !read.has('d') ? 'active' : read.number('d') === 1 ? 'deleting' : 'deleted',
    ...(read.has('r') ? { remote: remoteFromAttribute(read.strings('r')) } : {}),
    ...(read.has('m') ? { promoted: promotedFromAttribute(read.strings('m')) } : {}),
    version: item.version,
  };
}
