import type { Codecs } from '../lib/record/index.ts';
import { newCall, PARTITION_COUNT, type Store, TOPIC, valuesFrom } from './region-store.ts';

/** The name under which `reader` has what was written in `origin`. */
export function topicAt(reader: Store, origin: string): string {
  return reader.alias === origin ? TOPIC : `${origin}.${TOPIC}`;
}

/**
 * Reads what was written in all regions, where it is told to, and goes on elsewhere from the same offsets: they are the same
 * everywhere.
 */
export interface Traveller {
  /** Reads at most `countMax` records of every partition, and answers how many there were. */
  read(at: Store, countMax?: number): Promise<number>;
  /** How often it has seen each value. */
  readonly seen: ReadonlyMap<string, number>;
  /** Where it stands in what was written in a region, by partition. */
  offsets(origin: string): readonly number[];
}

export function traveller(codecs: Codecs, origins: readonly string[]): Traveller {
  const seen = new Map<string, number>();
  const offsets = new Map(
    origins.map((origin) => [origin, Array.from({ length: PARTITION_COUNT }, () => 0)]),
  );
  const readPartition = async (
    at: Store,
    place: { readonly origin: string; readonly partition: number; readonly countMax: number },
  ): Promise<number> => {
    const { origin, partition, countMax } = place;
    const own = offsets.get(origin) ?? [];
    const offset = own[partition] ?? 0;
    const batches = await at.batches(topicAt(at, origin), partition, offset);
    const values = valuesFrom(codecs, batches, offset).slice(0, countMax);
    for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1);
    own[partition] = offset + values.length;
    return values.length;
  };
  return {
    seen,
    offsets: (origin) => [...(offsets.get(origin) ?? [])],
    read: async (at, countMax = Number.POSITIVE_INFINITY) => {
      let count = 0;
      for (const origin of origins) {
        for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
          count += await readPartition(at, { origin, partition, countMax });
        }
      }
      return count;
    },
  };
}

/** Where the copies of `origin` in `reader` differ from what they are copies of: not even one byte may. */
export async function differences(origin: Store, reader: Store): Promise<readonly string[]> {
  const problems: string[] = [];
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    const [written, copied] = await Promise.all([
      origin.batches(TOPIC, partition, 0),
      reader.batches(topicAt(reader, origin.alias), partition, 0),
    ]);
    if (!Buffer.concat([...written]).equals(Buffer.concat([...copied]))) {
      problems.push(`partition ${partition} of ${origin.alias} is not the same in ${reader.alias}`);
    }
  }
  return problems;
}

/** What was sent and not seen, seen and not sent, or seen twice. */
export function unlike(
  sent: ReadonlyMap<string, number>,
  seen: ReadonlyMap<string, number>,
): readonly string[] {
  const problems: string[] = [];
  for (const [alias, count] of sent) {
    for (let order = 0; order < count; order += 1) {
      const times = seen.get(`order ${order} of ${alias}`) ?? 0;
      if (times !== 1) problems.push(`order ${order} of ${alias} was read ${times} times`);
    }
  }
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
  if (seen.size > total) problems.push(`${seen.size - total} orders were read that nobody has sent`);
  return problems;
}

/** Topics that no region should have: what has come from a region must not go back there. */
export async function loops(store: Store): Promise<readonly string[]> {
  const topics = await store.log.listTopics(newCall());
  return topics
    .map(({ name }) => name)
    .filter((name) => name.split('.').includes(store.alias))
    .map((name) => `${store.alias} has ${name}`);
}
