import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectoryBucket } from '../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { Log } from '../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../lib/open-log.ts';
import { partitionKey } from '../lib/partition/chunk.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import { type SealOutcome, type SealSettings, sealOnce } from '../lib/segment/seal/seal.ts';
import type { Call } from '../lib/storage/call.ts';
import { Meter } from '../lib/storage/meter.ts';

export const clock: ReturnType<typeof systemClock> = systemClock();
export const random: ReturnType<typeof systemRandom> = systemRandom();

/** A log in a folder, with one topic of one partition. */
export interface FolderLog {
  readonly storage: LogOptions;
  readonly log: Log;
  readonly pk: string;
  close(): void;
}

const TOPIC = 'segments';
const DAY_MS = 86_400_000;

export const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 120_000 });

/** Opens the log of the folder, or makes it. */
export async function openFolderLog(
  codecs: Codecs,
  folder: string,
  options: Partial<LogOptions> = {},
): Promise<FolderLog> {
  mkdirSync(folder, { recursive: true });
  const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  const storage = { ...tables, bucket, clock, random, codecs, ...options };
  const log = await openLog(storage, newCall());
  const known = (await log.listTopics(newCall())).find(({ name }) => name === TOPIC);
  const { topicId } = known ?? (await log.createTopic({ name: TOPIC }, newCall()));
  return { storage, log, pk: partitionKey(topicId, 0), close: () => tables.close() };
}

/** One record in a batch of about `bytes`. */
export function batchOf(codecs: Codecs, bytes: number): Uint8Array {
  const value = new Uint8Array(bytes - 80).fill(97);
  const record = { key: null, value, headers: [], timestampMs: 1_700_000_000_000 };
  return encodeBatch(codecs, [record], { compression: 'none' });
}

/** Appends the batch `count` times; those that are under way together share chunks. */
export async function fill(
  { log }: FolderLog,
  batch: Uint8Array,
  { count, atOnce }: { readonly count: number; readonly atOnce: number },
): Promise<void> {
  for (let done = 0; done < count; done += atOnce) {
    await Promise.all(
      Array.from({ length: Math.min(atOnce, count - done) }, () =>
        log.produce({ topic: TOPIC, partition: 0, batches: batch.slice() }, newCall()),
      ),
    );
  }
}

/** The next segment of what is unsealed, however young. */
export function seal(
  { storage, pk }: FolderLog,
  settings: Partial<SealSettings>,
  call: Call = newCall(),
): Promise<SealOutcome> {
  const due = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 7 * DAY_MS, ...settings };
  return sealOnce(engineParts(storage), pk, due, call);
}

export function fetchFrom(
  log: Log,
  offset: number,
  maxBytes: number,
  call: Call = newCall(),
): ReturnType<Log['fetch']> {
  return log.fetch({ topic: TOPIC, partition: 0, offset, maxBytes }, call);
}

export async function tailOf(log: Log): Promise<number> {
  return (await log.listOffsets({ topic: TOPIC, partition: 0, at: 'latest' }, newCall())).offset;
}
