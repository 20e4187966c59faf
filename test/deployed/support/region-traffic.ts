import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Acknowledged, acknowledgedBy, expectRetriable } from './acknowledged.ts';
import type { Produced, ProduceOptions } from './log-client.ts';
import type { DeployedRegion } from './regions.ts';

export interface Traffic {
  readonly topic: string;
  readonly partitions: number;
  /** To each partition, one after the other, of three records each. */
  readonly requests: number;
  /** Tells this traffic's values from others of the same region. @default '' */
  readonly name?: string;
}

/** More than a chunk holds inline: its bytes are in the bucket. */
const SPILLED_BYTES = 12_000;
const SPILLED_EVERY = 10;
/** Where the machine has a lot of other work, a request may take longer than it is given. */
const TRIES_MAX = 5;
/** Between two calls of a replicator: one that finds its flow held comes back at once. */
const CALL_MS = 1_000;

/** Writes to all partitions of a region's own topic at once; what it was told. Each value begins with the region's alias. */
export async function writeTo(region: DeployedRegion, traffic: Traffic): Promise<readonly Acknowledged[]> {
  const partitions = Array.from({ length: traffic.partitions }, (_, partition) => partition);
  return (await Promise.all(partitions.map((partition) => writeOne(region, traffic, partition)))).flat();
}

async function writeOne(
  region: DeployedRegion,
  { topic, requests, name = '' }: Traffic,
  partition: number,
): Promise<readonly Acknowledged[]> {
  const told: Acknowledged[] = [];
  for (let request = 0; request < requests; request += 1) {
    const padding = request % SPILLED_EVERY === 1 ? '.'.repeat(SPILLED_BYTES) : '';
    const idempotencyKey = `${region.alias}-${name}${partition}-${request}`;
    const values = [0, 1, 2].map((n) => `${idempotencyKey}-${n}${padding}`);
    const wanted = { topic, partition, values, key: `k${request % 5}`, idempotencyKey };
    told.push(...acknowledgedBy(await produced(region, wanted), partition, values));
  }
  return told;
}

/** As a client does: what it is told to try again is sent again under the same key, and stored once. */
async function produced({ log }: DeployedRegion, wanted: ProduceOptions): Promise<Produced> {
  for (let tries = 1; ; tries += 1) {
    const answer = await log.produce(wanted);
    expectRetriable(answer);
    if (answer.kind === 'acknowledged' || tries === TRIES_MAX) return answer;
    await sleep(CALL_MS);
  }
}

export const ends = (region: DeployedRegion, topic: string, partitions: number): Promise<readonly number[]> =>
  Promise.all(Array.from({ length: partitions }, (_, partition) => region.log.endOffset(topic, partition)));

/** The same, of a topic that may not be there yet. */
export const endsIfThere = (
  region: DeployedRegion,
  topic: string,
  partitions: number,
): Promise<readonly number[]> => ends(region, topic, partitions).catch(() => []);

/** Calls replicators again and again, as their schedules do, until it is stopped. */
export function keepReplicating(regions: readonly DeployedRegion[]): () => void {
  let isOver = false;
  const calling = async (region: DeployedRegion): Promise<void> => {
    while (!isOver) {
      // Whether it fails says nothing: what the test waits for does.
      await region.replicate().catch(() => undefined);
      await sleep(CALL_MS);
    }
  };
  for (const region of regions) void calling(region);
  return () => {
    isOver = true;
  };
}

/** Calls replicators until each has looked at all its flows and has nothing left to do. */
export async function replicateToRest(regions: readonly DeployedRegion[]): Promise<void> {
  const looked = async (): Promise<readonly unknown[]> => {
    const ends = await Promise.all(regions.map(({ replicate }) => replicate()));
    return ends.flatMap((ended) => Object.values(ended as Record<string, string>));
  };
  // Whoever copied last holds its flow for 20 s more, or for half a minute if it was killed.
  const isIdle = async (): Promise<boolean> => (await looked()).every((ended) => ended === 'idle');
  await expect.poll(isIdle, { timeout: 240_000, interval: CALL_MS }).toBe(true);
}

/** Ends the replicator's processes in the midst of what they do, again and again, until it is stopped. */
export function keepKilling(region: DeployedRegion, everyMs: number): () => Promise<void> {
  let isOver = false;
  const killing = async (): Promise<void> => {
    for (let kill = 0; !isOver; kill += 1) {
      void region.replicate().catch(() => undefined);
      await sleep(everyMs);
      // A new setting ends a function's processes.
      await region.aws.setTimeoutSeconds(region.replicatorName, 890 + (kill % 2));
    }
  };
  const killed = killing();
  return async () => {
    isOver = true;
    await killed;
  };
}
