import type { Call } from '../../storage/call.ts';
import { encodeCheckpoint, type MirrorCheckpoint } from './mirror-records.ts';
import type { OwnTopic } from './own-topic.ts';

/**
 * MirrorMaker 2's topic of checkpoints. ⚑ Its name ends in `.internal` whatever a flow's separator is: so no flow copies
 * it. Clients of flows with another separator set `replication.policy.internal.topic.separator.enabled=false`.
 */
export function checkpointsTopic(source: string): string {
  return `${source}.checkpoints.internal`;
}

/** Checkpoints that this process has written, each change of a position once. */
export interface CheckpointTold {
  tell(checkpoints: readonly MirrorCheckpoint[], call: Call): Promise<void>;
}

const TOLD_MAX = 200_000;

export function checkpointTold(own: OwnTopic, source: string): CheckpointTold {
  const told = new Map<string, string>();
  return {
    tell: async (checkpoints, call) => {
      const news = checkpoints.filter((checkpoint) => told.get(placeOf(checkpoint)) !== saying(checkpoint));
      if (!(await own.append(checkpointsTopic(source), news.map(encodeCheckpoint), call))) return;
      // What is forgotten is told once more.
      if (told.size + news.length > TOLD_MAX) told.clear();
      for (const checkpoint of news) told.set(placeOf(checkpoint), saying(checkpoint));
    },
  };
}

function placeOf({ groupId, topic, partition }: MirrorCheckpoint): string {
  return `${partition}/${topic}/${groupId}`;
}

function saying({ sourceOffset, targetOffset, metadata }: MirrorCheckpoint): string {
  return `${sourceOffset}/${targetOffset}/${metadata}`;
}
