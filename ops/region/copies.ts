import type { FlowStart } from '../../lib/flows.ts';
import { nameFilter } from '../../lib/replication/flows/topic-filter.ts';
import { remoteTopicName } from '../../lib/replication/flows/topic-names.ts';
import { isCopied, policyOf } from '../../lib/replication/topics/plan-topic.ts';
import type { Api } from './api.ts';
import { inTurn } from './in-turn.ts';
import { originsOf } from './origins.ts';
import type { FlowBody } from './region-state.ts';
import { endsOf, remoteOf, type TopicBody, topicsOf } from './topics.ts';

/** A partition of a source, and where it ended when it was looked at. */
export interface CopyOf {
  readonly topic: string;
  readonly topicId: string;
  readonly copy: string;
  /** Alias of the source where the topic is written in both: ends are those of the source's own records. */
  readonly mergedFrom?: string;
  readonly partition: number;
  readonly sourceStart: number;
  readonly sourceEnd: number;
}

/** What is missing of a copy. */
export interface UnfinishedCopy extends CopyOf {
  readonly left: number;
  /** Why it cannot come; empty if it is only not there yet. */
  readonly reason: string;
}

export type FlowTerms = Pick<
  FlowBody,
  'source_region' | 'target_region' | 'policy' | 'separator' | 'topics' | 'topics_exclude'
> & { readonly start?: FlowBody['start'] };

export interface CopiedTopic {
  readonly topic: TopicBody;
  readonly copy: string;
  readonly mergedFrom?: string;
}

/** Those of the source's topics that the flow copies, with the names of their copies. `standing`: the target's. */
export async function copiedTopics(
  topics: readonly TopicBody[],
  flow: FlowTerms,
  standing: readonly TopicBody[] = [],
): Promise<readonly CopiedTopic[]> {
  const { source_region: source, target_region: region, policy, separator } = flow;
  const start: FlowStart = flow.start?.to === 'PROMOTION' ? 'promotion' : 'earliest';
  const matches = await nameFilter({ include: flow.topics, exclude: flow.topics_exclude });
  const naming = { source, policy, separator };
  const terms = { ...naming, region, start, hasBegun: true };
  const namesakeOf = (name: string): Parameters<typeof isCopied>[2]['namesake'] => {
    const { promoted } = standing.find((topic) => topic.topic_name === name) ?? {};
    if (promoted === undefined) return undefined;
    const { source_region, topic_id: topicId, end_offsets: endOffsets } = promoted;
    return { promoted: { source: source_region, topicId, endOffsets } };
  };
  return topics.flatMap((topic) => {
    const { topic_name: name, topic_id: topicId } = topic;
    const remote = remoteOf(topic);
    const asked = { name, topicId, ...(remote === undefined ? {} : { remote }) };
    const options = { matches, prefixGuard: true, namesake: namesakeOf(name) };
    if (!isCopied(terms, asked, options)) return [];
    const isMerged = policyOf(terms, name) === 'merged';
    return [{ topic, copy: remoteTopicName(naming, name), ...(isMerged ? { mergedFrom: source } : {}) }];
  });
}

/** Every partition that the flow copies, and where it ends in its source; of a frozen one that stays. */
export async function copiesOf(
  source: Api,
  flow: FlowTerms,
  standing: readonly TopicBody[] = [],
): Promise<readonly CopyOf[]> {
  const copied = await copiedTopics(await topicsOf(source), flow, standing);
  const places = copied.flatMap(({ topic, ...rest }) =>
    Array.from({ length: topic.partitions_count }, (_, partition) => ({
      ...rest,
      topic: topic.topic_name,
      topicId: topic.topic_id,
      partition,
    })),
  );
  return inTurn(places, async (place) => ({ ...place, ...(await sourceEnds(source, place)) }));
}

type Place = Omit<CopyOf, 'sourceStart' | 'sourceEnd'>;

async function sourceEnds(
  source: Api,
  { topic, partition, mergedFrom }: Place,
): Promise<Pick<CopyOf, 'sourceStart' | 'sourceEnd'>> {
  if (mergedFrom === undefined) {
    const ends = await endsOf(source, topic, partition);
    return { sourceStart: ends?.beginning_offset ?? 0, sourceEnd: ends?.end_offset ?? 0 };
  }
  const { beginning_offset, own_end_offset } = await originsOf(source, topic, partition);
  // What was trimmed need not come.
  return { sourceStart: Math.min(beginning_offset, own_end_offset), sourceEnd: own_end_offset };
}

/** Those whose copy does not reach where they ended. Of one without records there may be no more to copy than that. */
export async function unfinished(target: Api, copies: readonly CopyOf[]): Promise<readonly UnfinishedCopy[]> {
  const standing = new Map((await topicsOf(target)).map((topic) => [topic.topic_name, topic]));
  const looked = await inTurn(copies, async (copy): Promise<UnfinishedCopy | undefined> => {
    const all = copy.sourceEnd - copy.sourceStart;
    const topic = standing.get(copy.copy);
    if (topic === undefined || copy.partition >= topic.partitions_count)
      return { ...copy, left: all, reason: '' };
    if (copy.mergedFrom === undefined && topic.remote?.topic_id !== copy.topicId) {
      return { ...copy, left: all, reason: 'the topic of that name is another one' };
    }
    const left = all === 0 ? 0 : copy.sourceEnd - (await copyEnd(target, copy));
    const isDone = copy.mergedFrom === undefined ? left === 0 : left <= 0;
    return isDone ? undefined : { ...copy, left, reason: '' };
  });
  return looked.filter((one) => one !== undefined);
}

/** In the source's offsets. */
async function copyEnd(target: Api, { copy, partition, mergedFrom }: CopyOf): Promise<number> {
  if (mergedFrom === undefined) return (await endsOf(target, copy, partition))?.end_offset ?? 0;
  const { regions } = await originsOf(target, copy, partition);
  return regions.find(({ region }) => region === mergedFrom)?.end_offset ?? 0;
}
