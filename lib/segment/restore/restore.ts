import type { EngineParts } from '../../engine-parts.ts';
import { mendPositions } from '../../group/offsets/mend-positions.ts';
import { partitionKey } from '../../partition/chunk.ts';
import { noteLeaderEpoch } from '../../partition/leader-epochs.ts';
import { readTail } from '../../partition/tail.ts';
import { mendSnapshot } from '../../producer/mend-snapshot.ts';
import { skipProducerIds } from '../../producer/producer-ids.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { Topic } from '../../topic/topic-item.ts';
import { SWEEP_CURSOR } from '../sweep/sweep-cursor.ts';
import { findLostRecords, type LostRecords } from './lost-records.ts';
import { type PushDueReport, pushExpiryOf } from './push-due.ts';

export interface RestorePlan {
  readonly topics: readonly PlannedTopic[];
  readonly lost: LostRecords;
}

export interface PlannedTopic {
  readonly topic: Topic;
  readonly leaderEpoch: number;
  /** The end of each partition: where the new epoch begins. */
  readonly tails: readonly number[];
}

/** What a restore of these tables would do, and what is lost. Writes nothing. */
export async function planRestore(parts: EngineParts, call: Call): Promise<RestorePlan> {
  const topics: PlannedTopic[] = [];
  const tailOf = new Map<string, number>();
  for (const topic of await catalogOf(parts).listUnfinished(call)) {
    const tails: number[] = [];
    for (let partition = 0; partition < topic.partitionCount; partition += 1) {
      const pk = partitionKey(topic.topicId, partition);
      const { tail } = await readTail(parts, pk, parts.rules, call);
      tails.push(tail.offset);
      tailOf.set(pk, tail.offset);
    }
    topics.push({ topic, leaderEpoch: topic.leaderEpoch + 1, tails });
  }
  return { topics, lost: await findLostRecords(parts, tailOf, call) };
}

/**
 * Makes tables that were restored to an earlier time fit for use, while nobody else uses them. In this order:
 *
 * 1. ⚑ The expiry of every unsealed chunk is pushed out. Time has passed since the tables were as they are; once expiry
 *    is on again, storage would delete what was never sealed.
 * 2. ⚑ The snapshots of producers forget what the log has lost: a retried batch must not be taken for one that is there. And
 *    producer ids that may have been given out since are skipped.
 * 3. ⚑ Positions of groups beyond the end of a partition go back to it: what is appended there will be other records.
 * 4. The leader epoch of every topic is raised. The offsets of what is lost will be given again: the batches that get them
 *    carry the new epoch, and where it begins is noted first, so that a reader which is beyond that can tell.
 * 5. What a sweep had put aside is forgotten: it was about a bucket of another time.
 *
 * The caller turns expiry on afterwards. Cut off anywhere, it is done again from the start: epochs may then skip a number.
 * Throws `StorageFault`.
 */
export async function applyRestore(
  parts: EngineParts,
  plan: RestorePlan,
  call: Call,
): Promise<{ readonly pushed: PushDueReport }> {
  const pushed = await pushExpiryOf(
    parts,
    plan.topics.map(({ topic }) => topic),
    call,
  );
  const [failed] = pushed.failures;
  if (failed !== undefined) {
    const { topic, partition, reason } = failed;
    throw new StorageFault('damaged', `Chunks of ${topic}/${partition} could not be kept: ${reason}`);
  }
  for (const { topic, tails } of plan.topics) {
    for (const [partition, endOffset] of tails.entries()) {
      await mendSnapshot(parts, { pk: partitionKey(topic.topicId, partition), endOffset }, call);
    }
  }
  await skipProducerIds(parts, call);
  const ends = new Map(
    plan.topics.flatMap(({ topic, tails }) =>
      tails.map((end, partition) => [partitionKey(topic.topicId, partition), end] as const),
    ),
  );
  await mendPositions(parts, ({ topicId, partition }) => ends.get(partitionKey(topicId, partition)), call);
  for (const planned of plan.topics) {
    if (planned.topic.state === 'active') await raiseEpoch(parts, planned, call);
  }
  const { item } = await parts.catalog.get(SWEEP_CURSOR, { consistent: true }, call);
  if (item !== undefined) await parts.catalog.delete(SWEEP_CURSOR, { ifVersion: item.version }, call);
  return { pushed };
}

async function raiseEpoch(
  parts: EngineParts,
  { topic, leaderEpoch, tails }: PlannedTopic,
  call: Call,
): Promise<void> {
  for (const [partition, startOffset] of tails.entries()) {
    const pk = partitionKey(topic.topicId, partition);
    if (await noteLeaderEpoch(parts, pk, { leaderEpoch, startOffset }, call)) continue;
    throw new StorageFault('refused', `Topic '${topic.name}' is being changed by others: stop them first`);
  }
  await catalogOf(parts).raiseLeaderEpoch(topic.name, leaderEpoch, call);
}

const catalogOf = (parts: EngineParts): TopicCatalog =>
  new TopicCatalog({ ...parts, partitionCountDefault: 1 });
