import type { FlowPolicy } from '../flows.ts';
import type { AttributeValue } from '../storage/table.ts';

/** What a remote topic is a copy of. There is one flow for each source, so `source` names the flow too. */
export interface RemoteOrigin {
  /** Alias of the region that it comes from. */
  readonly source: string;
  /** Name and id of the topic there. */
  readonly topic: string;
  readonly topicId: string;
  readonly policy: FlowPolicy;
}

/** Only `merged` topics are written to in every region. */
export function isReadOnly(remote: RemoteOrigin | undefined): remote is RemoteOrigin {
  return remote !== undefined && remote.policy !== 'merged';
}

/* Attribute `r` of a topic's item: {s: source, t: topic, i: topic id, p: policy} */
export function remoteToAttribute({ source, topic, topicId, policy }: RemoteOrigin): AttributeValue {
  return { s: source, t: topic, i: topicId, p: policy };
}

/** ⚑ A policy that this version does not know counts as read-only. */
export function remoteFromAttribute(stored: Readonly<Record<string, string>>): RemoteOrigin {
  const { s: source = '', t: topic = '', i: topicId = '', p } = stored;
  const policy = p === 'merged' || p === 'identity' ? p : 'prefixed';
  return { source, topic, topicId, policy };
}
