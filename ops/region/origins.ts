import type { Api } from './api.ts';

/** How far a partition that is written in several regions has the records of each. */
export interface OriginsBody {
  readonly beginning_offset: number;
  readonly end_offset: number;
  /** Behind the last record that was produced in the region that is asked. */
  readonly own_end_offset: number;
  /** Of others: behind the last of their records, as an offset there. */
  readonly regions: readonly { readonly region: string; readonly end_offset: number }[];
}

export function originsOf(api: Api, topic: string, partition: number): Promise<OriginsBody> {
  return api.v3('GET', `/topics/${encodeURIComponent(topic)}/partitions/${partition}/origins`);
}
