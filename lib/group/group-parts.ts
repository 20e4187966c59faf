import type { EngineParts } from '../engine-parts.ts';
import type { Log } from '../log.ts';

/** What groups are built on: the catalog table with retries around it, and the log for topics and offsets. */
export interface GroupParts extends Pick<EngineParts, 'catalog' | 'clock' | 'random' | 'rules'> {
  readonly log: Log;
}
