import type { FlowPolicy } from '../../flows.ts';

/** How a flow names what it copies. */
export interface Naming {
  readonly source: string;
  readonly policy: FlowPolicy;
  readonly separator: string;
}

/** MirrorMaker's topic by which its clients see that copying goes on. */
export const HEARTBEATS_TOPIC = 'heartbeats';

/**
 * The name in the target. Heartbeats are prefixed under every policy: every region has its own
 * (`IdentityReplicationPolicy.formatRemoteTopic` of MirrorMaker 2).
 */
export function remoteTopicName({ source, policy, separator }: Naming, topic: string): string {
  const isPrefixed = policy === 'prefixed' || originalTopicName(topic, separator) === HEARTBEATS_TOPIC;
  return isPrefixed ? `${source}${separator}${topic}` : topic;
}

/** What the topic was called where it was written, as far as names tell. */
export function originalTopicName(topic: string, separator: string): string {
  return topic.split(separator).at(-1) ?? topic;
}

/**
 * Topics that are never copied, whatever a flow's patterns say: what Kafka, Connect and MirrorMaker keep for themselves
 * (`DefaultReplicationPolicy.isInternalTopic` of MirrorMaker 2).
 */
export function isInternalTopic(topic: string): boolean {
  return (
    topic.startsWith('__') ||
    topic.startsWith('.') ||
    topic.endsWith('.internal') ||
    topic.endsWith('-internal')
  );
}

/** Every region that a topic's name says it has come through. */
export function regionsInName(topic: string, separator: string): readonly string[] {
  return topic.split(separator).slice(0, -1);
}
