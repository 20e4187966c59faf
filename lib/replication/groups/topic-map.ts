import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import type { PartitionOffset } from '../../group/offsets/offset-item.ts';
import type { Call } from '../../storage/call.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { TopicPair } from '../flow-run.ts';
import type { SourceRegion } from '../source-region.ts';

/** The topic here in which a position of the source means the same record; undefined: there is none. */
export type TopicMap = (
  theirs: Pick<PartitionOffset, 'topic' | 'topicId'>,
  call: Call,
) => Promise<Topic | undefined>;

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
export function topicMap(
  pairs: readonly TopicPair[],
  region: string,
  { source, target }: TopicCatalogs,
): TopicMap {
  const copies = new Map(
    pairs
      // What is no copy is written here too: its offsets are its own.
      .filter((pair) => pair.target.remote !== undefined)
      .map((pair) => [pair.source.topicId, pair.target]),
  );
  return async ({ topic, topicId }, call) => {
    const copy = copies.get(topicId);
    if (copy !== undefined) return copy;
    const theirs = await resolved(source, topic, call);
    const { remote } = theirs ?? {};
    if (theirs?.topicId !== topicId || remote?.source !== region || remote.policy === 'merged') {
      return undefined;
    }
    const ours = await resolved(target, remote.topic, call);
    return ours?.topicId === remote.topicId ? ours : undefined;
  };
}

async function resolved(topics: TopicCatalog, name: string, call: Call): Promise<Topic | undefined> {
  try {
    return (await topics.resolve(name, call)).topic;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}
