import type { CopyStart, FlowPolicy } from '../flows.ts';
import { StorageFault } from '../storage/fault.ts';
import type { AttributeValue } from '../storage/table.ts';

/** What a remote topic is a copy of. There is one flow for each source, so `source` names the flow too. */
export interface RemoteOrigin {
  /** Alias of the region that it comes from. */
  readonly source: string;
  /** Name and id of the topic there. */
  readonly topic: string;
  readonly topicId: string;
  readonly policy: FlowPolicy;
  /** Aliases of the regions through which the source has got it, the one it was written in first. @default none: it was written in the source */
  readonly via?: readonly string[];
  /** @default everything from the beginning */
  readonly start?: RemoteStart;
}

/** Where the copies of the partitions below `partitionCount` begin; those that were added later begin with the source's. */
export interface RemoteStart {
  /** The same for all, or of each its own offset. */
  readonly at: CopyStart | { readonly offsets: readonly number[] };
  readonly partitionCount: number;
}

/** Only `merged` topics are written to in every region. */
export function isReadOnly(remote: RemoteOrigin | undefined): remote is RemoteOrigin {
  return remote !== undefined && remote.policy !== 'merged';
}

/** Every region that has it, or had it on its way here, but this one. */
export function regionsOf({ via = [], source }: RemoteOrigin): readonly string[] {
  return [...via, source];
}

/** Where the copy of a partition begins, as far as its topic says so; 0 where the source decides. */
export function beginOf(remote: RemoteOrigin | undefined, partition: number): number {
  const at = remote?.start?.at;
  return typeof at === 'object' && 'offsets' in at ? (at.offsets[partition] ?? 0) : 0;
}

/*
 * Attribute `r` of a topic's item: {s: source, t: topic, i: topic id, p: policy}, and where it has any
 *
 *   v  aliases of `via`, in order, each followed by a space but the last
 *   a  start, JSON: [at, partition count]
 */
export function remoteToAttribute({
  source,
  topic,
  topicId,
  policy,
  via,
  start,
}: RemoteOrigin): AttributeValue {
  return {
    s: source,
    t: topic,
    i: topicId,
    p: policy,
    ...(via === undefined || via.length === 0 ? {} : { v: via.join(' ') }),
    ...(start === undefined ? {} : { a: JSON.stringify([start.at, start.partitionCount]) }),
  };
}

/** ⚑ A policy that this version does not know counts as read-only. Throws `StorageFault` (`damaged`). */
export function remoteFromAttribute(stored: Readonly<Record<string, string>>): RemoteOrigin {
  const { s: source = '', t: topic = '', i: topicId = '', p, v, a } = stored;
  const policy = p === 'merged' || p === 'identity' ? p : 'prefixed';
  return {
    ...{ source, topic, topicId, policy },
    ...(v === undefined ? {} : { via: v.split(' ') }),
    ...(a === undefined ? {} : { start: startFromText(a) }),
  };
}

function startFromText(text: string): RemoteStart {
  try {
    const [at, partitionCount] = JSON.parse(text) as [RemoteStart['at'], number];
    return { at, partitionCount };
  } catch (cause) {
    throw new StorageFault('damaged', `where a remote topic begins is not told by '${text}'`, { cause });
  }
}
