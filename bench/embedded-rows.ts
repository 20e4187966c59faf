import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openDirectoryBucket } from '../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { Log } from '../lib/log.ts';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import type { Call } from '../lib/storage/call.ts';
import { Meter } from '../lib/storage/meter.ts';
import { median, type Row } from './row.ts';

const PARTITIONS = 6;
const ROUNDS = 150;
const RUNS = 5;
const RECORDS_PER_BATCH = 62;

const clock = systemClock();
const random = systemRandom();

/** Runs `work` on a log in a new folder. */
async function withLog<T>(codecs: Codecs, work: (log: Log) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  try {
    return await work(await openLog({ ...tables, bucket, clock, random, codecs }, newCall()));
  } finally {
    tables.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function newCall(): Call {
  return { meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 };
}

/** 62 records of 1 KiB and their headers: just below 64 KiB. */
function batch64KiB(codecs: Codecs): Uint8Array {
  const value = new Uint8Array(1_024).fill(97);
  const records = Array.from({ length: RECORDS_PER_BATCH }, () => ({
    key: null,
    value,
    headers: [],
    timestampMs: 1_700_000_000_000,
  }));
  return encodeBatch(codecs, records, { compression: 'none' });
}

/** Our append against a bare SQLite loop that commits as many such rows at a time, equally durable. */
export async function embeddedRows(codecs: Codecs): Promise<Row[]> {
  const batch = batch64KiB(codecs);
  const runs: { readonly append: number; readonly fetch: number }[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const raw = rawLoop(batch);
    const ours = await withLog(codecs, (log) => appendAndFetch(log, batch));
    runs.push({ append: ours.appendMBps / raw.writeMBps, fetch: ours.fetchMBps / raw.scanMBps });
  }
  const append = median(runs.map((run) => run.append));
  const fetch = median(runs.map((run) => run.fetch));
  return [
    {
      what: 'durable append on SQLite, 64 KiB batches, 6 partitions',
      bar: '>= 0.60 x a bare SQLite loop',
      measured: `${append.toFixed(2)} x`,
      isMet: append >= 0.6,
    },
    {
      what: 'fetch of the same',
      bar: '>= 0.50 x a bare SQLite scan',
      measured: `${fetch.toFixed(2)} x`,
      isMet: fetch >= 0.5,
    },
  ];
}

function rawLoop(batch: Uint8Array): { readonly writeMBps: number; readonly scanMBps: number } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-raw-'));
  try {
    const db = new DatabaseSync(join(folder, 'raw.sqlite'));
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec(
      'CREATE TABLE log (id INTEGER PRIMARY KEY, p INTEGER, o INTEGER, body BLOB); CREATE UNIQUE INDEX at ON log (p, o)',
    );
    const insert = db.prepare('INSERT INTO log (p, o, body) VALUES (?, ?, ?)');
    const startedMs = clock.monotonicMs();
    for (let round = 0; round < ROUNDS; round += 1) {
      db.exec('BEGIN');
      for (let partition = 0; partition < PARTITIONS; partition += 1) insert.run(partition, round, batch);
      db.exec('COMMIT');
    }
    const writtenMs = clock.monotonicMs();
    let bytes = 0;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for (const row of db.prepare('SELECT body FROM log WHERE p = ? ORDER BY o').iterate(partition)) {
        bytes += (row.body as Uint8Array).length;
      }
    }
    const scannedMs = clock.monotonicMs();
    db.close();
    return {
      writeMBps: bytes / (writtenMs - startedMs) / 1_000,
      scanMBps: bytes / (scannedMs - writtenMs) / 1_000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function appendAndFetch(
  log: Log,
  batch: Uint8Array,
): Promise<{ readonly appendMBps: number; readonly fetchMBps: number }> {
  await log.createTopic({ name: 't', partitionCount: PARTITIONS }, newCall());
  // Each produce hands over its bytes, so every one gets its own; copied outside the timed part.
  const copies = Array.from({ length: ROUNDS * PARTITIONS }, () => batch.slice());
  const startedMs = clock.monotonicMs();
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => {
        const batches = copies[round * PARTITIONS + partition] ?? batch.slice();
        return log.produce({ topic: 't', partition, batches }, newCall());
      }),
    );
  }
  const writtenMs = clock.monotonicMs();
  let bytes = 0;
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    bytes += await readPartition(log, partition);
  const readMs = clock.monotonicMs();
  return {
    appendMBps: bytes / (writtenMs - startedMs) / 1_000,
    fetchMBps: bytes / (readMs - writtenMs) / 1_000,
  };
}

async function readPartition(log: Log, partition: number): Promise<number> {
  let bytes = 0;
  for (let offset = 0; offset < ROUNDS * RECORDS_PER_BATCH; ) {
    const { batches, nextOffset } = await log.fetch(
      { topic: 't', partition, offset, maxBytes: 1_048_576 },
      newCall(),
    );
    for (const each of batches) bytes += each.length;
    if (nextOffset === offset) throw new Error(`partition ${partition} ends at ${offset}`);
    offset = nextOffset;
  }
  return bytes;
}

const SMALL = 20;
const GROWTH = 1_000;
const LOOKS = 400;

/** The median fetch of one small batch from a log, and from one a thousand times as long, in turn. */
export async function growthRow(codecs: Codecs): Promise<Row> {
  const ratio = await withLog(codecs, async (log) => {
    await fill(codecs, log, 'small', SMALL);
    await fill(codecs, log, 'large', SMALL * GROWTH);
    const timings = { small: [] as number[], large: [] as number[] };
    for (let look = 0; look < LOOKS; look += 1) {
      timings.small.push(await timedFetch(log, 'small', Math.floor(random.next() * SMALL)));
      timings.large.push(await timedFetch(log, 'large', Math.floor(random.next() * SMALL * GROWTH)));
    }
    return median(timings.large.slice(LOOKS / 4)) / median(timings.small.slice(LOOKS / 4));
  });
  return {
    what: 'fetch latency with 1,000 x more data in the log',
    bar: '<= 1.2 x',
    measured: `${ratio.toFixed(2)} x`,
    isMet: ratio <= 1.2,
  };
}

async function fill(codecs: Codecs, log: Log, topic: string, chunkCount: number): Promise<void> {
  await log.createTopic({ name: topic }, newCall());
  const record = { key: null, value: new Uint8Array(200), headers: [], timestampMs: 1_700_000_000_000 };
  const batch = encodeBatch(codecs, [record], { compression: 'none' });
  // One by one they become one chunk each; many partitions at once would not be one long log.
  for (let i = 0; i < chunkCount; i += 1) {
    await log.produce({ topic, partition: 0, batches: batch.slice() }, newCall());
  }
}

async function timedFetch(log: Log, topic: string, offset: number): Promise<number> {
  const startedMs = clock.monotonicMs();
  await log.fetch({ topic, partition: 0, offset, maxBytes: 1_000 }, newCall());
  return clock.monotonicMs() - startedMs;
}
