import type { Output } from '../verify-log.ts';
import type { Api } from './api.ts';

/** The answer of `/region` and what is done to it. */
export interface RegionBody {
  readonly state: 'OPEN' | 'FROZEN';
  readonly since_ms: number | null;
  readonly partitions_count: number;
  readonly closed_partitions_count: number;
  readonly is_complete: boolean;
}

/** The part of a flow that is told. */
export interface FlowBody {
  readonly source_region: string;
  readonly target_region: string;
  readonly state: 'RUNNING' | 'PAUSED';
  readonly policy: 'prefixed' | 'identity' | 'merged';
  readonly separator: string;
  readonly topics: readonly string[];
  readonly topics_exclude: readonly string[];
  readonly groups: readonly string[];
  readonly groups_exclude: readonly string[];
  readonly start: { readonly to?: 'EARLIEST' | 'LATEST' | 'PROMOTION' };
  /** Of `merged`: lost regions of whose records the source has some. */
  readonly relays?: readonly string[];
  readonly progress: {
    readonly noted_ms: number;
    readonly lag_records: number | null;
    readonly lag_ms: number | null;
    readonly percent: number;
    readonly topics: readonly {
      readonly source_topic_name: string;
      readonly topic_name: string;
      readonly state: string;
      readonly reason: string;
      readonly partitions: readonly {
        readonly partition_id: number;
        readonly position: number | null;
        readonly source_end: number | null;
        readonly gap: { readonly from: number; readonly to: number } | null;
      }[];
    }[];
  } | null;
}

/** What one request has left to do, the next one does; each gets on. */
const ROUNDS_MAX = 100;

/** Freezes or thaws, until every partition is as it should be. */
export async function changeRegion(
  api: Api,
  action: 'freeze' | 'thaw',
  { progress }: Pick<Output, 'progress'>,
): Promise<RegionBody> {
  for (let round = 1; ; round += 1) {
    const region = await api.v3<RegionBody>('POST', `/region:${action}`);
    const isThere = region.state === (action === 'freeze' ? 'FROZEN' : 'OPEN') && region.is_complete;
    if (isThere || round === ROUNDS_MAX) return region;
    progress(
      `${api.name}: ${region.closed_partitions_count} of ${region.partitions_count} partitions are closed`,
    );
  }
}

export function tellRegion(name: string, region: RegionBody, { line }: Output): void {
  const { state, since_ms, partitions_count, closed_partitions_count, is_complete } = region;
  const since = since_ms === null ? '' : ` since ${new Date(since_ms).toISOString()}`;
  const closed = `${closed_partitions_count} of ${partitions_count} partitions are closed`;
  line(
    `${name}: ${state}${since}; ${closed}${is_complete ? '' : ', which is not as it should be: once more'}`,
  );
}

export function tellFlow(
  { source_region, target_region, state, policy, progress }: FlowBody,
  { line }: Output,
): void {
  const name = `${source_region} → ${target_region}: ${policy}, ${state}`;
  if (progress === null) {
    line(`${name}, nothing has been noted yet`);
    return;
  }
  const { lag_records, lag_ms, percent, noted_ms, topics } = progress;
  const lag = lag_records === null ? 'lag unknown' : `${lag_records} records behind`;
  const age = lag_ms === null || lag_ms === 0 ? '' : `, by ${(lag_ms / 1_000).toFixed(1)} s`;
  line(`${name}, ${lag}${age}, ${percent}% as of ${new Date(noted_ms).toISOString()}`);
  for (const { source_topic_name, topic_name, state: copying, reason, partitions } of topics) {
    line(`  ${source_topic_name} → ${topic_name}: ${copying}${reason === '' ? '' : `, ${reason}`}`);
    for (const { partition_id, gap } of partitions) {
      if (gap !== null)
        line(`    partition ${partition_id}: the source had trimmed ${gap.from} to ${gap.to - 1} before`);
    }
  }
}
