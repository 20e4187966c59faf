import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Topic } from '../../../lib/topic/topic-item.ts';
import { topicsIn } from '../places.ts';
import type { Storage } from '../storage.ts';
import { recordsOf, type SeenPartition, type SeenRecord, seenIn } from './copied-truth.ts';
import type { Machine, RegionsWorld } from './regions-world.ts';
import { type LogStarts, logStartsIn, topicsEver } from './storage-past.ts';

/** What a process that knows nothing reads in the end. */
export interface LeftPartition {
  readonly start: number;
  readonly records: ReadonlyMap<number, SeenRecord>;
}

/** By region and partition key. */
export type Left = ReadonlyMap<string, ReadonlyMap<string, LeftPartition>>;

export interface Evidence {
  readonly world: RegionsWorld;
  readonly seen: ReadonlyMap<string, ReadonlyMap<string, SeenPartition>>;
  readonly left: Left;
  /** By region: every topic there ever was, by id, and where partitions began. */
  readonly topics: ReadonlyMap<string, ReadonlyMap<string, Topic>>;
  readonly starts: ReadonlyMap<string, ReadonlyMap<string, LogStarts>>;
}

export function evidenceOf(world: RegionsWorld, left: Left): Evidence {
  const ofAll = <T>(find: (storage: Storage) => T): ReadonlyMap<string, T> =>
    new Map([...world.regions].map(([alias, { storage }]) => [alias, find(storage)]));
  return {
    ...{ world, left },
    seen: ofAll((storage) => seenIn(storage, world.codecs)),
    topics: ofAll(topicsEver),
    starts: ofAll(logStartsIn),
  };
}

export async function readAll(world: RegionsWorld): Promise<Left> {
  const left = new Map<string, ReadonlyMap<string, LeftPartition>>();
  for (const alias of world.regions.keys()) left.set(alias, await readRegion(world, alias));
  return left;
}

/** By partition key. */
export async function readRegion(
  world: RegionsWorld,
  alias: string,
): Promise<ReadonlyMap<string, LeftPartition>> {
  const machine = await world.machine(alias, 'verifier', 'steady');
  const partitions = new Map<string, LeftPartition>();
  for (const { name, topicId, partitionCount } of topicsIn(machine.region.storage, 'active')) {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const read = await readPartition(world, machine, { topic: name, partition });
      partitions.set(partitionKey(topicId, partition), read);
    }
  }
  return partitions;
}

async function readPartition(
  { codecs }: RegionsWorld,
  { log, call }: Machine,
  place: { readonly topic: string; readonly partition: number },
): Promise<LeftPartition> {
  const { offset: start } = await log.listOffsets({ ...place, at: 'earliest' }, call());
  const { offset: end } = await log.listOffsets({ ...place, at: 'latest' }, call());
  const records = new Map<number, SeenRecord>();
  for (let offset = start; offset < end; ) {
    const { batches, nextOffset } = await log.fetch({ ...place, offset }, call());
    for (const record of batches.flatMap((batch) => recordsOf(codecs, batch))) {
      if (record.offset >= start) records.set(record.offset, record);
    }
    // ⚑ Short of the end: what is missing is for the checkers to tell.
    if (nextOffset <= offset) break;
    offset = nextOffset;
  }
  return { start, records };
}
