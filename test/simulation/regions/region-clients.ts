import { MillraceError } from '../../../lib/errors.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { topicsIn } from '../places.ts';
import type { SeededRandom } from '../random.ts';
import { encodeProduced, encodeRecords, newRecord } from '../records.ts';
import type { Machine, RegionsWorld } from './regions-world.ts';

export const TOPIC = 'orders';
export const GROUP = 'billing';

/** In every burst of work, until the last entry of the eras. */
export async function inEveryEra(world: RegionsWorld, act: () => Promise<void>): Promise<void> {
  const { scheduler } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    await act();
  }
}

/** What is not a storage that cannot be reached, or a refusal, is a surprise. */
export async function quietly(
  world: RegionsWorld,
  what: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const isExpected =
      cause instanceof MillraceError || (cause instanceof StorageFault && cause.kind !== 'damaged');
    if (!isExpected) world.surprises.push(`${what}: ${cause instanceof Error ? cause.stack : String(cause)}`);
  }
}

/** One after another, as one producer does; in a merged topic with a producer id, which another region has given too. */
export async function runWriter(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  const { base, partitionCount, policy } = world.profile;
  const known = await world.machine(alias, 'ids', 'calm');
  const producerId = await known.log.allocateProducerId(known.call());
  const sequences = new Map<number, number>();
  await inEveryEra(world, async () => {
    const machine = await world.machine(alias, 'writer', 'calm');
    for (let i = 0; i < base.producesPerEra; i += 1) {
      await world.scheduler.sleep(random.next() * base.thinkMsMax);
      const partition = random.integer(partitionCount);
      const baseSequence = sequences.get(partition) ?? 0;
      const count = 1 + random.integer(4);
      sequences.set(partition, baseSequence + count);
      const producer = policy === 'merged' ? { producerId, producerEpoch: 0, baseSequence } : undefined;
      await produce(world, machine, random, { partition, count, producer });
    }
  });
}

async function produce(
  world: RegionsWorld,
  { region: { alias, storage }, log, call }: Machine,
  random: SeededRandom,
  wanted: {
    readonly partition: number;
    readonly count: number;
    readonly producer: Parameters<typeof encodeProduced>[2] | undefined;
  },
): Promise<void> {
  const { base } = world.profile;
  const { partition, producer } = wanted;
  const texts = Array.from(
    { length: wanted.count },
    () => `${alias}#${world.next()}#${'x'.repeat(random.integer(base.valueBytesMax))}`,
  );
  const keyed = (): string => `k${random.integer(base.keyCount)}`;
  const timestampMs = Math.floor(world.scheduler.nowMs);
  const records = texts.map((text) => newRecord(keyed(), text, timestampMs));
  const batches =
    producer === undefined
      ? encodeRecords(world.codecs, records, 1 + random.integer(3))
      : encodeProduced(world.codecs, records, producer);
  await quietly(world, 'producing', async () => {
    const { baseOffset } = await log.produce({ topic: TOPIC, partition, batches }, call());
    const topicId = topicsIn(storage, 'active').find(({ name }) => name === TOPIC)?.topicId ?? '';
    world.acknowledged.push({ alias, pk: partitionKey(topicId, partition), offset: baseOffset, texts });
  });
}

/** Commits from outside a group, forward and back, in all topics that are there; the metadata tell who committed. */
export async function runCommitter(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  await inEveryEra(world, async () => {
    const machine = await world.machine(alias, 'committer', 'calm');
    const { log, groups, call } = machine;
    for (let i = 0; i < world.profile.commitsPerEra; i += 1) {
      await world.scheduler.sleep(random.next() * 20_000);
      const topics = topicsIn(machine.region.storage, 'active').filter(({ name }) => name.endsWith(TOPIC));
      if (topics.length === 0) continue;
      const { name: topic, partitionCount } = random.pick(topics);
      const partition = random.integer(partitionCount);
      await quietly(world, 'committing', async () => {
        const { offset: end } = await log.listOffsets({ topic, partition, at: 'latest' }, call());
        const offset = random.chance(0.5) ? end : random.integer(end + 1);
        const metadata = `${alias}#${world.next()}`;
        await groups.commit({ groupId: GROUP, offsets: [{ topic, partition, offset, metadata }] }, call());
      });
    }
  });
}

/** Deletes the oldest records now and then. */
export async function runTrimmer(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  await inEveryEra(world, async () => {
    const { log, call } = await world.machine(alias, 'trimmer', 'calm');
    for (let i = 0; i < world.profile.trimsPerEra; i += 1) {
      await world.scheduler.sleep(random.next() * 30_000);
      const partition = random.integer(world.profile.partitionCount);
      await quietly(world, 'trimming', async () => {
        const { offset: end } = await log.listOffsets({ topic: TOPIC, partition, at: 'latest' }, call());
        const offset = random.integer(end + 1);
        await log.deleteRecords({ topic: TOPIC, partition, offset }, call());
      });
    }
  });
}
