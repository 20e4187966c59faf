import { nameFilter } from '../../lib/replication/flows/topic-filter.ts';
import { type Api, ApiError } from './api.ts';
import { inTurn } from './in-turn.ts';
import type { FlowBody } from './region-state.ts';

/** What a group has committed in the source that has not come over, as it is in the target. */
export interface LatePosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Undefined: none. */
  readonly there: number | undefined;
}

interface PositionBody {
  readonly topic_name: string;
  readonly partition_id: number;
  readonly offset: number;
}
interface ListBody<T> {
  readonly data: readonly T[];
}

/**
 * Positions of groups that the flow lets through which the target has not, or not as far. A group that has been consumed
 * from in the target may be further there; that is no position that has not come.
 */
export async function latePositions(from: Api, to: Api, flow: FlowBody): Promise<readonly LatePosition[]> {
  const { data } = await from.v3<ListBody<{ readonly consumer_group_id: string }>>('GET', '/consumer-groups');
  const matches = await nameFilter({ include: flow.groups, exclude: flow.groups_exclude });
  const groups = data.map(({ consumer_group_id: group }) => group).filter(matches);
  return (await inTurn(groups, (group) => lateOf(to, group, flow.source_region))).flat();
}

async function lateOf(to: Api, group: string, source: string): Promise<readonly LatePosition[]> {
  const path = `/consumer-groups/${encodeURIComponent(group)}/offsets`;
  const wanted = await translated(to, path, source);
  if (wanted.length === 0) return [];
  const { data } = await to.v3<ListBody<PositionBody>>('GET', path);
  const keyOf = ({ topic_name, partition_id }: PositionBody): string => `${partition_id} ${topic_name}`;
  const standing = new Map(data.map((position) => [keyOf(position), position.offset]));
  return wanted.flatMap((position) => {
    const there = standing.get(keyOf(position));
    const { topic_name: topic, partition_id: partition, offset } = position;
    return there !== undefined && there >= offset ? [] : [{ group, topic, partition, offset, there }];
  });
}

/** None of a group that has been deleted meanwhile. */
async function translated(to: Api, path: string, source: string): Promise<readonly PositionBody[]> {
  try {
    const body = { source_region: source };
    return (await to.v3<ListBody<PositionBody>>('POST', `${path}:translate`, body)).data;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}
