import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';
import { murmur2 } from './partitioner.ts';

const STICK_MS = 1_000;
const STICK_RECORDS = 10_000;
/** Topics that are remembered; forgetting one only makes it draw again. */
const TOPICS_MAX = 1_000;

export interface KeylessRequest {
  readonly topicId: string;
  readonly partitionCount: number;
  readonly recordCount: number;
  /** A retry on another process must meet the same partition: it is drawn from the key then. */
  readonly idempotencyKey: string | undefined;
}

interface Stuck {
  readonly partition: number;
  readonly partitionCount: number;
  readonly untilMs: number;
  recordsLeft: number;
}

/**
 * The partition for records without a key. A process sticks to one for a while, so that its appends share chunks and
 * different processes seldom meet on one partition.
 */
export function createStickyPartitioner(deps: {
  readonly clock: Clock;
  readonly random: Random;
}): (request: KeylessRequest) => number {
  const stuck = new Map<string, Stuck>();

  const draw = (request: KeylessRequest, nowMs: number): Stuck => {
    if (stuck.size >= TOPICS_MAX) stuck.clear();
    const { partitionCount } = request;
    const drawn: Stuck = {
      partition: Math.floor(deps.random.next() * partitionCount),
      partitionCount,
      untilMs: nowMs + STICK_MS,
      recordsLeft: STICK_RECORDS,
    };
    stuck.set(request.topicId, drawn);
    return drawn;
  };

  return (request) => {
    if (request.idempotencyKey !== undefined) {
      return (murmur2(Buffer.from(request.idempotencyKey)) & 0x7fffffff) % request.partitionCount;
    }
    if (request.partitionCount === 1) return 0;
    const nowMs = deps.clock.monotonicMs();
    const last = stuck.get(request.topicId);
    const stays =
      last !== undefined &&
      last.partitionCount === request.partitionCount &&
      last.recordsLeft > 0 &&
      nowMs < last.untilMs;
    const chosen = stays ? last : draw(request, nowMs);
    chosen.recordsLeft -= request.recordCount;
    return chosen.partition;
  };
}
