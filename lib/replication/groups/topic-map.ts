import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import type { PartitionOffset } from '../../group/offsets/offset-item.ts';
import type { Call } from '../../storage/call.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { TopicPair } from '../flow-run.ts';
import { type Naming, remoteTopicName } from '../flows/topic-names.ts';
import type { SourceRegion } from '../source-region.ts';

/** The topic here in which a position of the source has a meaning. */
export interface MappedTopic {
  readonly topic: Topic;
  /** Whether it is written in both regions, so that a record has another offset in each. */
  readonly isMerged: boolean;
}

/** Undefined: there is none. */
export type TopicMap = (
  theirs: Pick<PartitionOffset, 'topic' | 'topicId'>,
  call: Call,
) => Promise<MappedTopic | undefined>;

/** Where topics are looked up; what was seen is known for a minute. */
export interface TopicCatalogs {
  readonly source: TopicCatalog;
  readonly target: TopicCatalog;
}

export function topicCatalogs(target: EngineParts, source: SourceRegion): TopicCatalogs {
  const catalogOf = (parts: EngineParts): TopicCatalog =>
    new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  return { source: catalogOf(source.parts), target: catalogOf(target) };
}

/**
 * A topic of the source stands here as its copy; or it is itself the copy of a topic of ours, as in MirrorMaker 2
 * (`MirrorCheckpointTask.renameTopicPartition`). Both have the same offsets, unless the policy is `merged`. ⚑ Topics are
 * told by their ids.
 */
export function topicMap(pairs: readonly TopicPair[], region: string, catalogs: TopicCatalogs): TopicMap {
  const copies = new Map(pairs.map(({ source, target }) => [source.topicId, mapped(target)]));
  return async (theirs, call) =>
    copies.get(theirs.topicId) ?? (await ourOriginal(theirs, { region, catalogs }, call));
}

/** For who does not run the flow: copies are looked up by their names. */
export function topicMapOf(
  flow: Naming & { readonly region: string },
  catalogs: TopicCatalogs,
  mergedPairs: (call: Call) => Promise<ReadonlyMap<string, string>>,
): TopicMap {
  const { source, region } = flow;
  return async (theirs, call) => {
    const copy = await resolved(catalogs.target, remoteTopicName(flow, theirs.topic), call);
    if (copy?.remote?.source === source && copy.remote.topicId === theirs.topicId) return mapped(copy);
    if (copy !== undefined && copy.remote === undefined && flow.policy === 'merged') {
      const isBound = (await mergedPairs(call)).get(copy.topicId) === theirs.topicId;
      if (isBound) return mapped(copy);
    }
    return ourOriginal(theirs, { region, catalogs }, call);
  };
}

/** What is no copy is written here too: its offsets are its own. */
function mapped(topic: Topic): MappedTopic {
  return { topic, isMerged: topic.remote === undefined };
}

async function ourOriginal(
  { topic, topicId }: Pick<PartitionOffset, 'topic' | 'topicId'>,
  { region, catalogs }: { readonly region: string; readonly catalogs: TopicCatalogs },
  call: Call,
): Promise<MappedTopic | undefined> {
  const theirs = await resolved(catalogs.source, topic, call);
  const { remote } = theirs ?? {};
  if (theirs?.topicId !== topicId || remote?.source !== region || remote.policy === 'merged') {
    return undefined;
  }
  const ours = await resolved(catalogs.target, remote.topic, call);
  return ours?.topicId === remote.topicId ? { topic: ours, isMerged: false } : undefined;
}

async function resolved(topics: TopicCatalog, name: string, call: Call): Promise<Topic | undefined> {
  try {
    return (await topics.resolve(name, call)).topic;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}
