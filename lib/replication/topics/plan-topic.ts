import { MillraceError } from '../../errors.ts';
import type { FlowPolicy } from '../../flows.ts';
import type { ConfigAlteration } from '../../log.ts';
import type { TopicConfigName, TopicConfigs } from '../../topic/configs.ts';
import { type RemoteOrigin, regionsOf } from '../../topic/remote-origin.ts';
import type { Topic } from '../../topic/topic-item.ts';
import { checkTopicName } from '../../topic/topic-name.ts';
import type { Flow } from '../flows/flow-item.ts';
import {
  HEARTBEATS_TOPIC,
  isInternalTopic,
  originalTopicName,
  regionsInName,
  remoteTopicName,
} from '../flows/topic-names.ts';

/** What is to be done about one topic of the source. */
export type TopicPlan =
  /** Without `remote`: a topic like any other, which is written here too. */
  | { readonly kind: 'create'; readonly name: string; readonly remote?: RemoteOrigin }
  | {
      readonly kind: 'follow';
      readonly target: Topic;
      /** Set if the source has more by now. */
      readonly partitionCount?: number;
      /** Set if the source has a later one. */
      readonly leaderEpoch?: number;
      /** What makes its configs those of the source. */
      readonly alterations: readonly ConfigAlteration[];
    }
  /** The copy belongs to somebody else, or cannot be. */
  | { readonly kind: 'conflict'; readonly name: string; readonly reason: string }
  /** The copy is of a topic that was deleted; the one that has its name now is another. */
  | { readonly kind: 'recreated'; readonly target: Topic; readonly reason: string };

export interface CopyingFlow extends Pick<Flow, 'source' | 'policy' | 'separator' | 'start' | 'hasBegun'> {
  /** Alias of the target. */
  readonly region: string;
}

/**
 * Whether a flow copies this topic of its source.
 * - Internal topics never; heartbeats always, whatever the patterns say, as in MirrorMaker 2
 *   (`MirrorSourceConnector.shouldReplicateTopic`).
 * - ⚑ Nothing that has come through the target: by what the topic's item says under any policy, and by its name, which
 *   tells it of topics that MirrorMaker or people have brought there.
 */
export function isCopied(
  flow: CopyingFlow,
  topic: Pick<Topic, 'name' | 'topicId' | 'remote'>,
  options: {
    readonly matches: (name: string) => boolean;
    readonly prefixGuard: boolean;
    /** What has its name in the target. */
    readonly namesake: Pick<Topic, 'promoted'> | undefined;
  },
): boolean {
  if (isInternalTopic(topic.name)) return false;
  const isHeartbeats = originalTopicName(topic.name, flow.separator) === HEARTBEATS_TOPIC;
  if (!isHeartbeats && !options.matches(topic.name)) return false;
  // Only of topics that were promoted here anything is missing.
  if (flow.start === 'promotion' && !isLeftBehind(flow, topic, options.namesake)) return false;
  // What is written in several regions has come from each of them by itself.
  if (policyOf(flow, topic.name) === 'merged' && topic.remote !== undefined) return false;
  return !options.prefixGuard || !hasComeThrough(flow, topic);
}

/** Whether the target's topic of that name was promoted from this one. ⚑ Told by ids: a topic made anew has nothing in it. */
export function isLeftBehind(
  { source }: Pick<CopyingFlow, 'source'>,
  { topicId }: Pick<Topic, 'topicId'>,
  namesake: Pick<Topic, 'promoted'> | undefined,
): boolean {
  const { promoted } = namesake ?? {};
  return promoted?.source === source && promoted.topicId === topicId;
}

/** Heartbeats are each region's own under any policy. */
export function policyOf({ policy, separator }: CopyingFlow, topic: string): FlowPolicy {
  const isHeartbeats = originalTopicName(topic, separator) === HEARTBEATS_TOPIC;
  return policy === 'merged' && isHeartbeats ? 'prefixed' : policy;
}

function hasComeThrough(
  { region, separator }: CopyingFlow,
  { name, remote }: Pick<Topic, 'name' | 'remote'>,
): boolean {
  const known = remote === undefined ? [] : regionsOf(remote);
  return known.includes(region) || regionsInName(name, separator).includes(region);
}

/** `target`: what stands under the copy's name. */
export function planTopic(flow: CopyingFlow, source: Topic, target: Topic | undefined): TopicPlan {
  const name = remoteTopicName(flow, source.name);
  if (target === undefined) {
    const problem = nameProblem(name);
    if (problem !== undefined) return { kind: 'conflict', name, reason: problem };
    return { kind: 'create', name, remote: originOf(flow, source) };
  }
  const { remote } = target;
  const reason = conflictReason(flow, source, remote);
  if (reason !== undefined || remote === undefined) return { kind: 'conflict', name, reason: reason ?? '' };
  if (remote.topicId !== source.topicId) {
    const told = `Topic '${source.name}' of '${flow.source}' was deleted and made anew; delete the copy to begin one of the new topic`;
    return { kind: 'recreated', target, reason: told };
  }
  const grows = source.partitionCount > target.partitionCount;
  return {
    kind: 'follow',
    target,
    ...(grows ? { partitionCount: source.partitionCount } : {}),
    ...(source.leaderEpoch > target.leaderEpoch ? { leaderEpoch: source.leaderEpoch } : {}),
    alterations: alterationsTo(source.configs, target.configs),
  };
}

function nameProblem(name: string): string | undefined {
  try {
    checkTopicName(name);
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError) return error.message;
    throw error;
  }
}

function conflictReason(
  flow: CopyingFlow,
  { name }: Topic,
  remote: RemoteOrigin | undefined,
): string | undefined {
  if (remote === undefined) return 'A topic of that name is here already and is no copy';
  if (remote.source !== flow.source) {
    return `The topic of that name is the copy of one of region '${remote.source}'`;
  }
  if (remote.topic !== name) return `The topic of that name is the copy of topic '${remote.topic}'`;
  if (remote.policy === policyOf(flow, name)) return undefined;
  return `The topic of that name was copied under policy ${remote.policy}`;
}

function originOf(flow: CopyingFlow, { name, topicId, partitionCount, remote }: Topic): RemoteOrigin {
  const { source, start, hasBegun } = flow;
  return {
    ...{ source, topic: name, topicId, policy: policyOf(flow, name) },
    ...(remote === undefined ? {} : { via: regionsOf(remote) }),
    // Where what was promoted goes on is looked up when its copy is made.
    ...(hasBegun || start === 'earliest' || start === 'promotion'
      ? {}
      : { start: { at: start, partitionCount } }),
  };
}

function alterationsTo(wanted: TopicConfigs, now: TopicConfigs): readonly ConfigAlteration[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(now)])] as TopicConfigName[];
  return names.filter((name) => wanted[name] !== now[name]).map((name) => ({ name, value: wanted[name] }));
}
