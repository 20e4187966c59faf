import type { EngineParts } from '../../engine-parts.ts';
import type { FlowErrand } from '../flow-run.ts';
import { HEARTBEATS_TOPIC } from '../flows/topic-names.ts';
import type { SourceRegion } from '../source-region.ts';
import { encodeHeartbeat } from './mirror-records.ts';
import type { OwnTopic } from './own-topic.ts';

const EVERY_MS = 10_000;

/**
 * Writes MirrorMaker 2's heartbeats: into this region's own topic, from which flows to other regions copy them like any
 * other. ⚑ Only when a run has copied something since its last heartbeat, and other heartbeats do not count: two regions
 * that copy from each other would keep each other awake for ever.
 */
export function heartbeatErrand(
  { clock }: Pick<EngineParts, 'clock'>,
  { region, own }: { readonly region: string; readonly own: OwnTopic },
): FlowErrand {
  /** By run: what it had copied. */
  const told = new WeakMap<SourceRegion, number>();
  return {
    name: 'writing a heartbeat',
    everyMs: EVERY_MS,
    run: async ({ source, copiedRecords }, call) => {
      if (copiedRecords <= (told.get(source) ?? 0)) return;
      const record = encodeHeartbeat({ source: source.alias, target: region, timestampMs: clock.wallMs() });
      if (await own.append(HEARTBEATS_TOPIC, [record], call)) told.set(source, copiedRecords);
    },
  };
}
