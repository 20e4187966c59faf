import { MillraceError } from '../../../lib/errors.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { Topic } from '../../../lib/topic/topic-item.ts';
import { topicsIn } from '../places.ts';
import type { SeededRandom } from '../random.ts';
import { encodeProduced, encodeRecords, newRecord } from '../records.ts';
import type { Machine, RegionsWorld } from './regions-world.ts';

const TOPIC = 'orders';
/** Of the copies too. */
export const TOPIC_PATTERN: string = `.*${TOPIC}`;
export const GROUP = 'billing';

/** The topic that the clients of a region write to. Under `identity` a copy has its name elsewhere, so each has its own. */
export function homeTopic({ profile }: Pick<RegionsWorld, 'profile'>, alias: string): string {
  return profile.policy === 'identity' ? `${alias}-${TOPIC}` : TOPIC;
}

/** As it is now; undefined while there is none. */
export function homeOf(world: RegionsWorld, alias: string): Topic | undefined {
  const name = homeTopic(world, alias);
  return topicsIn(world.region(alias).storage, 'active').find((topic) => topic.name === name);
}

/** In every burst of work, until the last entry of the eras. */
export async function inEveryEra(world: RegionsWorld, act: () => Promise<void>): Promise<void> {
  const { scheduler } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    await act();
  }
}

/** Whether it came to its end. What is not a storage that cannot be reached, or a refusal, is a surprise. */
export async function quietly(
  world: RegionsWorld,
  what: string,
  work: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (cause) {
    const isExpected =
      cause instanceof MillraceError || (cause instanceof StorageFault && cause.kind !== 'damaged');
    if (!isExpected) world.surprises.push(`${what}: ${cause instanceof Error ? cause.stack : String(cause)}`);
    return false;
  }
}

/** One after another, as one producer does; in a merged topic with a producer id, which another region has given too. */
export async function runWriter(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  const { base, policy } = world.profile;
  const known = await world.machine(alias, 'ids', 'steady');
  const producerId = await known.log.allocateProducerId(known.call());
  const sequences = new Map<number, number>();
  await inEveryEra(world, async () => {
    const machine = await world.machine(alias, 'writer', 'calm');
    for (let i = 0; i < base.producesPerEra; i += 1) {
      await world.scheduler.sleep(random.next() * base.thinkMsMax);
      const { partitionCount = 1 } = homeOf(world, alias) ?? {};
      const partition = random.integer(partitionCount);
      const baseSequence = sequences.get(partition) ?? 0;
      const count = 1 + random.integer(4);
      const producer = policy === 'merged' ? { producerId, producerEpoch: 0, baseSequence } : undefined;
      const wanted = { topic: homeTopic(world, alias), partition, count, producer };
      const isStored = await produce(world, machine, random, wanted);
      if (isStored) sequences.set(partition, baseSequence + count);
    }
  });
}

/** Whether it was stored. */
export async function produce(
  world: RegionsWorld,
  { region: { alias }, log, call }: Machine,
  random: SeededRandom,
  wanted: {
    readonly topic: string;
    readonly partition: number;
    readonly count: number;
    readonly producer?: Parameters<typeof encodeProduced>[2] | undefined;
  },
): Promise<boolean> {
  const { base } = world.profile;
  const { topic, partition, producer } = wanted;
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
  return quietly(world, 'producing', async () => {
    const { baseOffset } = await log.produce({ topic, partition, batches }, call());
    const { nowMs: atMs } = world.scheduler;
    world.acknowledged.push({ alias, topic, partition, offset: baseOffset, atMs, texts });
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
    const topic = homeTopic(world, alias);
    for (let i = 0; i < world.profile.trimsPerEra; i += 1) {
      await world.scheduler.sleep(random.next() * 30_000);
      const partition = random.integer(homeOf(world, alias)?.partitionCount ?? 1);
      await quietly(world, 'trimming', async () => {
        const { offset: end } = await log.listOffsets({ topic, partition, at: 'latest' }, call());
        const offset = random.integer(end + 1);
        await log.deleteRecords({ topic, partition, offset }, call());
      });
    }
  });
}
