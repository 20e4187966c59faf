import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Job } from './client.ts';
import { createTraffic, type TrafficCounter } from './traffic.ts';

/** What `verify` counted in a topic. */
export interface Contents {
  readonly segmentCount: number;
  /** Not sealed yet. */
  readonly chunkCount: number;
  readonly batchCount: number;
  readonly recordCount: number;
  /** Of stored batches. */
  readonly bytes: number;
  /** False if a request was too short to look at everything: then there is more. */
  readonly isComplete: boolean;
  readonly problems: readonly string[];
}

export interface JobPlace {
  readonly client: Client;
  readonly topic: string;
  readonly counter: TrafficCounter;
}

export type OnRound = (counts: Readonly<Record<string, number>>) => void;

/** A job that never says it is done is a fault, not a reason to wait for ever. */
const ROUNDS_MAX = 1_000;
/** A round that lost to another worker of the node has done nothing either; the one after it sees what is left. */
const IDLE_ROUNDS = 2;
const SEAL_ATTEMPTS_MAX = 40;
const SEAL_PAUSE_MS = 250;

/** Runs a job until it finds nothing more to do, and answers what it found wrong. */
export async function runUntilDone(
  { client, topic, counter }: JobPlace,
  job: Exclude<Job, 'verify'>,
  onRound: OnRound,
): Promise<string[]> {
  let idle = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { isComplete, counts, findings } = await client.runJob(topic, job, counter);
    onRound(counts);
    if (findings.length > 0) return findings.map((finding) => `${job}: ${finding}`);
    const isIdle = isComplete && Object.values(counts).every((count) => count === 0);
    idle = isIdle ? idle + 1 : 0;
    if (idle === IDLE_ROUNDS) return [];
  }
  return [`${job}: not done after ${ROUNDS_MAX} requests`];
}

/**
 * Seals whatever its size, in a topic whose `segment.ms` says so. The age of a chunk counts from the second that its
 * expiry was rounded up to: the youngest ones are not due at once.
 */
export async function sealEverything(place: JobPlace, onRound: OnRound): Promise<string[]> {
  let left = 0;
  for (let attempt = 0; attempt < SEAL_ATTEMPTS_MAX; attempt += 1) {
    if (attempt > 0) await sleep(SEAL_PAUSE_MS);
    const problems = await runUntilDone(place, 'seal', onRound);
    if (problems.length > 0) return problems;
    // Looking is not sealing, and not billed as such.
    left = (await lookInto({ ...place, counter: createTraffic() })).chunkCount;
    if (left === 0) return [];
  }
  return [`seal: ${left} chunks are still unsealed`];
}

/** Looks at all items, objects and checksums. */
export async function lookInto({ client, topic, counter }: JobPlace): Promise<Contents> {
  const { isComplete, counts, findings } = await client.runJob(topic, 'verify', counter);
  const { segmentCount = 0, chunkCount = 0, batchCount = 0, recordCount = 0, bytes = 0 } = counts;
  const problems = findings.map((finding) => `verify: ${finding}`);
  return { segmentCount, chunkCount, batchCount, recordCount, bytes, isComplete, problems };
}
