import type { EngineParts } from '../../engine-parts.ts';
import { atOnce } from '../../group/at-once.ts';
import type { Call } from '../../storage/call.ts';
import type { TopicPair } from '../flow-run.ts';
import { bindMerged, mergedPairs } from './merged-pairs.ts';

/** A region whose records of a topic are not relayed, and why. */
export interface StoppedRelay {
  readonly sourceTopic: string;
  readonly region: string;
  readonly reason: string;
}

export interface RelayedTopics {
  readonly pairs: readonly TopicPair[];
  readonly stoppedRelays: readonly StoppedRelay[];
}

const CHANGES_AT_ONCE = 8;

/**
 * Which regions' records are copied out of which topics of the source. ⚑ What the source has of a region's topic goes on
 * only into a topic that has records of that same one, or of none: which it is stands in both regions, by its id, and is
 * stored here before the first record is copied. Throws `StorageFault` of either side.
 */
export async function relayedTopics(
  { source, target }: { readonly source: EngineParts; readonly target: EngineParts },
  pairs: readonly TopicPair[],
  relays: readonly string[],
  call: Call,
): Promise<RelayedTopics> {
  const known = await Promise.all(
    relays.map(async (region) => {
      const [theirs, ours] = await Promise.all([
        mergedPairs(source, region, call),
        mergedPairs(target, region, call),
      ]);
      return { region, theirs, ours };
    }),
  );
  const stoppedRelays: StoppedRelay[] = [];
  const relayed = await atOnce(pairs, CHANGES_AT_ONCE, async (pair): Promise<TopicPair> => {
    const found: string[] = [];
    // Only what is no copy is written in several regions.
    for (const { region, theirs, ours } of pair.target.remote === undefined ? known : []) {
      const sourceId = theirs.get(pair.source.topicId);
      if (sourceId === undefined) continue;
      const targetId = pair.target.topicId;
      const bound =
        ours.get(targetId) ?? (await bindMerged(target, { source: region, sourceId, targetId }, call));
      if (bound === sourceId) found.push(region);
      else stoppedRelays.push(stopped(pair, region));
    }
    return found.length === 0 ? pair : { ...pair, relays: found };
  });
  return { pairs: relayed, stoppedRelays };
}

function stopped({ source }: TopicPair, region: string): StoppedRelay {
  const reason = `Relay of '${region}': what the source has of topic '${source.name}' there is of another topic than what is here`;
  return { sourceTopic: source.name, region, reason };
}
