import { invariant } from '../../errors.ts';
import { StorageFault } from '../../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { AttributeValue, Item } from '../../storage/table.ts';
import { type AliasTable, aliasTable, decodeBehind, encodeBehind } from './behind-bytes.ts';
import { decodeHeld, encodeHeld } from './held-bytes.ts';
import type {
  ConsumerInstance,
  HeldPartition,
  InstanceFormat,
  InstanceSettings,
  OffsetReset,
  Selection,
} from './instance.ts';

export interface StoredInstance {
  readonly instance: ConsumerInstance;
  /** By storage's clock, milliseconds since 1970: the last write, which at most `SEEN_AGE_MS_MAX` of calls go without. */
  readonly seenMs: number;
}

/** Storage may remove an instance that nobody has used for a day. Whether it still lives is judged by `seenMs`. */
const LEFT_OVER_SECONDS = 86_400;

/** Of one topic. Where the group had read behind so many positions that it takes more, those records come once more. */
const BEHIND_BYTES_MAX = 32_768;

type StoredTopic = readonly [string, string, Uint8Array, Uint8Array?];

export const instancesKey = (groupId: string): string => `instances#${groupId}`;

/*
 * Item layout in the catalog: pk = instances#<group>, sk = name, and
 *
 *   f  format number   m  format of keys and values   d  1 in Strimzi's dialect   a  1 with auto commit   r  reset
 *   b  least bytes of a read   w  wait of a read, ms   i  member id   e  member epoch   u  turn   z  seen, ms
 *   t  topics, or p  pattern, or h  1 for partitions chosen by the client, or none of them
 *   o  [topic id, topic, partitions and offsets (held-bytes.ts)] for every topic of which it holds partitions, and
 *      behind-bytes.ts where the group had read behind the offsets   q  aliases of the regions in those bytes, if there are any
 */
export function instanceToItem({ instance, seenMs }: StoredInstance, version: string): Item<string> {
  const { groupId, name, settings, memberId, memberEpoch, turn } = instance;
  const table = aliasTable();
  const topics = topicsOf(instance.held, table);
  return {
    pk: instancesKey(groupId),
    sk: name,
    version,
    expiresAtSeconds: Math.ceil(seenMs / 1_000) + LEFT_OVER_SECONDS,
    attributes: {
      f: ITEM_FORMAT,
      m: settings.format,
      ...(settings.dialect === 'strimzi' ? { d: 1 } : {}),
      ...(settings.autoCommit ? { a: 1 } : {}),
      r: settings.reset,
      b: settings.bytesMin,
      w: settings.waitMs,
      i: memberId,
      e: memberEpoch,
      u: turn,
      z: seenMs,
      ...selectionAttributes(instance.selection),
      o: topics,
      ...(table.aliases.length === 0 ? {} : { q: table.aliases }),
    },
  };
}

function selectionAttributes(selection: Selection): Record<string, AttributeValue> {
  switch (selection.kind) {
    case 'none':
      return {};
    case 'topics':
      return { t: selection.topics };
    case 'pattern':
      return { p: selection.pattern };
    case 'manual':
      return { h: 1 };
  }
}

function topicsOf(held: readonly HeldPartition[], table: AliasTable): AttributeValue {
  const topics = new Map<string, HeldPartition[]>();
  for (const partition of held) {
    const same = topics.get(partition.topicId);
    if (same === undefined) topics.set(partition.topicId, [partition]);
    else same.push(partition);
  }
  return [...topics].map(([topicId, partitions]) => {
    const behind = encodeBehind(partitions, table);
    const isTold = behind.length > 0 && behind.length <= BEHIND_BYTES_MAX;
    return [...[topicId, partitions[0]?.topic ?? '', encodeHeld(partitions)], ...(isTold ? [behind] : [])];
  });
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function instanceFromItem(item: Item<string>): StoredInstance {
  const read = new ItemReader('consumer instance', item);
  const settings: InstanceSettings = {
    format: read.string('m') as InstanceFormat,
    dialect: read.has('d') ? 'strimzi' : 'confluent',
    autoCommit: read.has('a'),
    reset: read.string('r') as OffsetReset,
    bytesMin: read.number('b'),
    waitMs: read.number('w'),
  };
  const instance: ConsumerInstance = {
    groupId: item.pk.slice(instancesKey('').length),
    name: item.sk,
    settings,
    selection: selectionOf(read),
    memberId: read.string('i'),
    memberEpoch: read.number('e'),
    held: heldOf(read, item),
    turn: read.number('u'),
  };
  return { instance, seenMs: read.number('z') };
}

function selectionOf(read: ItemReader<string>): Selection {
  if (read.has('t')) return { kind: 'topics', topics: read.list('t').map(String) };
  if (read.has('p')) return { kind: 'pattern', pattern: read.string('p') };
  return { kind: read.has('h') ? 'manual' : 'none' };
}

function heldOf(read: ItemReader<string>, { pk, sk }: Item<string>): readonly HeldPartition[] {
  try {
    const aliases = read.has('q') ? read.list('q').map(String) : [];
    return read.list('o').flatMap((entry) => {
      invariant(Array.isArray(entry), 'a topic of an instance is a list');
      const [topicId, topic, bytes, behindBytes] = entry as unknown as StoredTopic;
      const behind = decodeBehind(behindBytes ?? new Uint8Array(), aliases);
      return decodeHeld(bytes).map((numbers) => {
        const told = behind.get(numbers.partition);
        return { topicId, topic, ...numbers, ...(told === undefined ? {} : { behind: told }) };
      });
    });
  } catch (cause) {
    throw new StorageFault('damaged', `consumer instance item ${pk} / ${sk}: 'o' cannot be read`, { cause });
  }
}
