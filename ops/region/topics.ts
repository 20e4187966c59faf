import type { RemoteOrigin } from '../../lib/topic/remote-origin.ts';
import { type Api, ApiError } from './api.ts';
import { inTurn } from './in-turn.ts';

/** The part of a topic that regions are compared by. */
export interface TopicBody {
  readonly topic_name: string;
  readonly topic_id: string;
  readonly partitions_count: number;
  readonly remote?: {
    readonly source_region: string;
    readonly topic_name: string;
    readonly topic_id: string;
    readonly policy: RemoteOrigin['policy'];
    readonly via_regions: readonly string[];
  };
  readonly promoted?: {
    readonly source_region: string;
    readonly topic_id: string;
    readonly end_offsets: readonly number[];
  };
}

export interface Ends {
  readonly beginning_offset: number;
  readonly end_offset: number;
}

export async function topicsOf(api: Api): Promise<readonly TopicBody[]> {
  return (await api.v3<{ readonly data: readonly TopicBody[] }>('GET', '/topics')).data;
}

/** Undefined: there is no such partition. */
export async function endsOf(api: Api, topic: string, partition: number): Promise<Ends | undefined> {
  try {
    return await api.get<Ends>(`/topics/${encodeURIComponent(topic)}/partitions/${partition}/offsets`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Of every partition. */
export function allEnds(
  api: Api,
  { topic_name, partitions_count }: Pick<TopicBody, 'topic_name' | 'partitions_count'>,
): Promise<readonly (Ends | undefined)[]> {
  const partitions = Array.from({ length: partitions_count }, (_, partition) => partition);
  return inTurn(partitions, (partition) => endsOf(api, topic_name, partition));
}

export function remoteOf({ remote }: TopicBody): RemoteOrigin | undefined {
  if (remote === undefined) return undefined;
  const { source_region, topic_name, topic_id, policy, via_regions } = remote;
  return { source: source_region, topic: topic_name, topicId: topic_id, policy, via: via_regions };
}
