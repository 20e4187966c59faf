import { nameFilter } from '../../lib/replication/flows/topic-filter.ts';
import { remoteTopicName } from '../../lib/replication/flows/topic-names.ts';
import { isCopied } from '../../lib/replication/topics/plan-topic.ts';
import { type Api, ApiError } from './api.ts';
import type { FlowBody } from './region-state.ts';

/** A partition of a frozen source, and how far its copy is. */
export interface CopyOf {
  readonly topic: string;
  readonly copy: string;
  readonly partition: number;
  readonly sourceStart: number;
  readonly sourceEnd: number;
}

interface TopicBody {
  readonly topic_name: string;
  readonly topic_id: string;
  readonly partitions_count: number;
  readonly remote?: {
    readonly source_region: string;
    readonly topic_name: string;
    readonly topic_id: string;
    readonly policy: FlowBody['policy'];
    readonly via_regions: readonly string[];
  };
}

interface Ends {
  readonly beginning_offset: number;
  readonly end_offset: number;
}

const LOOKS_AT_ONCE = 8;

/** Every partition that the flow copies, and where it ends in its source, which must be frozen: its ends stay. */
export async function copiesOf(source: Api, flow: FlowBody): Promise<readonly CopyOf[]> {
  const { data } = await source.v3<{ readonly data: readonly TopicBody[] }>('GET', '/topics');
  const matches = await nameFilter({ include: flow.topics, exclude: flow.topics_exclude });
  const naming = { source: flow.source_region, policy: flow.policy, separator: flow.separator };
  const terms = { ...naming, region: flow.target_region, start: 'earliest', hasBegun: true } as const;
  const copied = data.filter(({ topic_name: name, topic_id: topicId, remote }) =>
    isCopied(
      terms,
      { name, topicId, ...(remote === undefined ? {} : { remote: originOf(remote) }) },
      { matches, prefixGuard: true, namesake: undefined },
    ),
  );
  const places = copied.flatMap(({ topic_name: topic, partitions_count }) =>
    Array.from({ length: partitions_count }, (_, partition) => ({
      topic,
      copy: remoteTopicName(naming, topic),
      partition,
    })),
  );
  return inTurn(places, async (place) => {
    const ends = await endsOf(source, place.topic, place.partition);
    return { ...place, sourceStart: ends?.beginning_offset ?? 0, sourceEnd: ends?.end_offset ?? 0 };
  });
}

const originOf = ({
  source_region,
  topic_name,
  topic_id,
  policy,
  via_regions,
}: NonNullable<TopicBody['remote']>) => ({
  source: source_region,
  topic: topic_name,
  topicId: topic_id,
  policy,
  via: via_regions,
});

/** Those whose copy does not end where they do. Of one without records there may be no more to copy than that. */
export async function unfinished(
  target: Api,
  copies: readonly CopyOf[],
): Promise<readonly (CopyOf & { readonly left: number })[]> {
  const looked = await inTurn(copies, async (copy) => {
    const ends = await endsOf(target, copy.copy, copy.partition);
    if (ends === undefined) return { ...copy, left: copy.sourceEnd - copy.sourceStart, isThere: false };
    const isEmpty = copy.sourceStart === copy.sourceEnd;
    return { ...copy, left: isEmpty ? 0 : copy.sourceEnd - ends.end_offset, isThere: true };
  });
  return looked.filter(({ left, isThere }) => left !== 0 || !isThere);
}

/** Undefined: there is no such partition. */
async function endsOf(api: Api, topic: string, partition: number): Promise<Ends | undefined> {
  try {
    return await api.get<Ends>(`/topics/${encodeURIComponent(topic)}/partitions/${partition}/offsets`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** In the order of what it is given. */
async function inTurn<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next; at < all.length; at = next) {
      next += 1;
      results[at] = await work(all[at] as T);
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, worker));
  return results;
}
