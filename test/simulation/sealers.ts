import { engineParts } from '../../lib/open-log.ts';
import { chunkFromItem, partitionKey } from '../../lib/partition/chunk.ts';
import { sealOnce } from '../../lib/segment/seal.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import { TOPICS_KEY, topicFromItem } from '../../lib/topic/topic-item.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import type { Storage } from './storage.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

const HOT_RETENTION_MS = 86_400_000;
/** Well inside hot retention, so that nothing expires unsealed even if one round fails. */
const GUARD_PAUSE_MS = 5 * 3_600_000;

/** Seals in the middle of a burst, often two processes at once, on machines that fail. */
export async function runSealer(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, profile, pool } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    for (let i = 0; i < profile.sealsPerEra; i++) {
      await scheduler.sleep(random.next() ** 2 * 2_000);
      const segmentBytes = random.pick([1, 500, 1_000_000]);
      for (const pk of livePartitions(world.storage)) {
        const twice = random.chance(0.4) ? seal(world, pool.pick(), pk, segmentBytes) : undefined;
        await seal(world, pool.pick(), pk, segmentBytes);
        await twice;
      }
    }
  }
}

/**
 * The schedule, on a machine that works: it seals what is left and finishes deletions that were cut off, in time, so that
 * nothing expires unsealed.
 */
export async function runGuard(world: World): Promise<void> {
  const { scheduler, storage } = world;
  const node = world.pool.startCalm('guard', world.calmNetwork);
  for (;;) {
    await scheduler.sleep(GUARD_PAUSE_MS);
    for (const topic of dyingTopics(storage)) await finishDeletion(world, node, topic);
    for (const pk of livePartitions(storage)) {
      for (let i = 0; i < 20 && hasUnsealed(storage, pk); i++) await seal(world, node, pk, 1_000_000);
    }
  }
}

export function livePartitions(storage: Storage): string[] {
  return storage.catalog
    .peek(TOPICS_KEY)
    .map(topicFromItem)
    .filter((topic) => topic.state === 'active')
    .flatMap(({ topicId, partitionCount }) =>
      Array.from({ length: partitionCount }, (_, partition) => partitionKey(topicId, partition)),
    );
}

function dyingTopics(storage: Storage): string[] {
  const topics = storage.catalog.peek(TOPICS_KEY).map(topicFromItem);
  return topics.filter(({ state }) => state === 'deleting').map(({ name }) => name);
}

async function finishDeletion(world: World, node: Node, topic: string): Promise<void> {
  const patience = { patienceMs: 60_000, deadlineMs: 30_000 };
  await ask(
    world.scheduler,
    node,
    patience,
    (log, call) => log.deleteTopic(topic, call),
    (reply) => {
      world.trace.add({ kind: 'finished', process: node.process.name, detail: `${topic} ${reply.kind}` });
    },
  );
}

export function sealedEnd(storage: Storage, pk: string): number {
  const segments = storage.catalog.peek(pk).filter((item) => item.sk.startsWith(SEGMENT_PREFIX));
  return Math.max(0, ...segments.map((item) => segmentFromItem(item).endOffset));
}

function hasUnsealed(storage: Storage, pk: string): boolean {
  const end = sealedEnd(storage, pk);
  return storage.hot.peek(pk).some((item) => chunkFromItem(item).endOffset > end);
}

async function seal(world: World, node: Node, pk: string, segmentBytes: number): Promise<void> {
  const { process } = node;
  world.trace.add({ kind: 'seal', process: process.name, detail: pk });
  await ask(
    world.scheduler,
    node,
    { patienceMs: 60_000, deadlineMs: 30_000 },
    (_, call) =>
      sealOnce(
        engineParts(node.options),
        pk,
        { segmentBytes, segmentMs: 0, hotRetentionMs: HOT_RETENTION_MS },
        call,
      ),
    (reply) => {
      world.trace.add({
        kind: 'sealed',
        process: process.name,
        detail: () => `${pk} ${reply.kind === 'answer' ? reply.value.kind : String(reply.kind)}`,
      });
      if (reply.kind !== 'error') return;
      const isExpected = reply.error instanceof StorageFault && reply.error.kind !== 'damaged';
      if (!isExpected) noteSurprise(world, process.name, `seal ${pk}`, reply.error);
    },
  );
}
