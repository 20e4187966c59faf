import { expect } from 'vitest';
import { type ConsumerClient, consumerClient } from './consumer-client.ts';
import type { DeployedRegion } from './regions.ts';

/** The only member of a group in a region. */
export interface RegionMember {
  /** Reads until there are so many values, and once more for what should not be there; processes them. Sorted. */
  readonly consumed: (count: number) => Promise<readonly string[]>;
  readonly leave: () => Promise<void>;
}

export interface GroupInRegion {
  readonly group: string;
  readonly topics: readonly string[];
}

const READ = { timeout: 200_000, interval: 500 };

/**
 * Joins a group in a region. Where an answer is lost, with whatever it had brought, it joins anew and reads again from what it
 * has committed, as a careful program would: a machine that has a lot of other work does not always answer in time.
 */
export async function joinGroup(region: DeployedRegion, group: GroupInRegion): Promise<RegionMember> {
  let joined = 0;
  const join = (): Promise<ConsumerClient> => {
    joined += 1;
    return newMember(region, group, `in-${region.alias}-${joined}`);
  };
  let consumer = await join();
  let values: string[] = [];
  const read = async (): Promise<number> => {
    try {
      values.push(...(await consumer.read()).map(({ value }) => String(value)));
    } catch {
      await consumer.remove();
      values = [];
      consumer = await join();
    }
    return values.length;
  };
  return {
    consumed: async (count) => {
      values = [];
      do {
        await expect.poll(read, READ).toBeGreaterThanOrEqual(count);
        await read();
      } while (values.length < count);
      await consumer.commit();
      return values.sort();
    },
    leave: () => consumer.remove(),
  };
}

async function newMember(
  region: DeployedRegion,
  { group, topics }: GroupInRegion,
  name: string,
): Promise<ConsumerClient> {
  const consumer = consumerClient(region.http, { group, name });
  await consumer.create();
  await consumer.subscribe(topics);
  return consumer;
}

/** Where a group goes on in a region, by topic and partition; nothing where it is not known. */
export async function positionsIn(
  region: DeployedRegion,
  group: string,
): Promise<ReadonlyMap<string, number>> {
  const lags = await region.api.list(`/consumer-groups/${group}/lags`).catch(() => []);
  return new Map(
    lags.map(({ topic_name, partition_id, current_offset }) => [
      `${topic_name}-${partition_id}`,
      Number(current_offset),
    ]),
  );
}
