import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, patchBaseOffset, readBatchHeader } from '../lib/record/index.ts';
import { describeSegment } from '../lib/segment/describe-segment.ts';
import { segmentObjectKey, segmentToItem } from '../lib/segment/segment-item.ts';
import { median, type Row } from './row.ts';
import {
  batchOf,
  clock,
  type FolderLog,
  fetchFrom,
  fill,
  newCall,
  openFolderLog,
  random,
  seal,
  tailOf,
} from './segment-log.ts';

const run = promisify(execFile);

const MiB = 1_048_576;
const SEALED_BYTES = 64 * MiB;
const CHUNK_BYTES = 65_536;
const READ_SEGMENTS = 2;
const READ_SEGMENT_BYTES = 64 * MiB;
const READ_RUNS = 7;

/** Sealing and cold reads on SQLite and a directory. */
export async function segmentRows(codecs: Codecs): Promise<Row[]> {
  return [await sealMemoryRow(codecs), await manySegmentsRow(codecs), await sequentialRow(codecs)];
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-segments-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sealMemoryRow(codecs: Codecs): Promise<Row> {
  return inFolder(async (folder) => {
    const log = await openFolderLog(codecs, folder);
    const batch = batchOf(codecs, CHUNK_BYTES);
    // One by one, so that each is a chunk of its own.
    await fill(log, batch, { count: Math.ceil(SEALED_BYTES / batch.length), atOnce: 1 });
    log.close();
    const script = fileURLToPath(new URL('seal-process.ts', import.meta.url));
    const args = ['--expose-gc', script, folder, String(SEALED_BYTES)];
    const { stdout } = await run(process.execPath, args);
    const seen = JSON.parse(stdout) as { segmentBytes: number; peakBytes: number };
    const ratio = seen.peakBytes / seen.segmentBytes;
    return {
      what: 'seal of 64 MiB: peak of its memory above the start',
      bar: '<= 2 x the segment',
      measured: `${ratio.toFixed(2)} x`,
      isMet: seen.segmentBytes >= SEALED_BYTES && ratio <= 2,
    };
  });
}

/** A reader from the beginning to the end, against the same files read in pieces of the same size. */
function sequentialRow(codecs: Codecs): Promise<Row> {
  return inFolder(async (folder) => {
    const log = await openFolderLog(codecs, folder, { readsAhead: true });
    const batch = batchOf(codecs, CHUNK_BYTES);
    const files: string[] = [];
    let end = 0;
    for (let i = 0; i < READ_SEGMENTS; i += 1) {
      await fill(log, batch, { count: Math.ceil(READ_SEGMENT_BYTES / batch.length), atOnce: 64 });
      const outcome = await seal(log, {});
      if (outcome.kind !== 'sealed') throw new Error(`not sealed: ${outcome.kind}`);
      files.push(join(folder, 'objects', outcome.segment.objectKey ?? ''));
      end = outcome.segment.endOffset;
    }
    log.close();
    const ratios: number[] = [];
    for (let i = 0; i < READ_RUNS; i += 1) {
      const plain = await bytesPerMs(() => readFiles(files));
      const fresh = await openFolderLog(codecs, folder, { readsAhead: true });
      const ours = await bytesPerMs(() => readLog(fresh.log, end));
      fresh.close();
      ratios.push(ours / plain);
    }
    const ratio = median(ratios);
    return {
      what: 'sequential cold read of 128 MiB, fetches of 1 MiB',
      bar: '>= 0.50 x reading the files with fs',
      measured: `${ratio.toFixed(2)} x`,
      isMet: ratio >= 0.5,
    };
  });
}

const FEW = 10;
const MANY = 10_000;
const LOOKS = 200;
const PUTS_AT_ONCE = 64;

/**
 * The median fetch of one record from a log of few segments and from one of many, in turn. Each is made by a process's
 * first look at its segment, so it is one query and one ranged read.
 */
function manySegmentsRow(codecs: Codecs): Promise<Row> {
  return inFolder(async (folder) => {
    const few = await segmentsIn(codecs, join(folder, 'few'), FEW);
    const many = await segmentsIn(codecs, join(folder, 'many'), MANY);
    const timings = { few: [] as number[], many: [] as number[] };
    const requests = new Set<string>();
    for (let look = 0; look < LOOKS; look += 1) {
      for (const [name, log, count] of [
        ['few', few, FEW],
        ['many', many, MANY],
      ] as const) {
        const seen = await timedLook(log, Math.floor(random.next() * (count - 1)));
        timings[name].push(seen.ms);
        requests.add(seen.requests);
      }
    }
    few.close();
    many.close();
    const ratio = median(timings.many.slice(LOOKS / 4)) / median(timings.few.slice(LOOKS / 4));
    const [only] = requests;
    return {
      what: 'cold fetch: 10,000 segments against 10',
      bar: 'the same requests, latency <= 1.2 x',
      measured: `${[...requests].join(' or ')}; ${ratio.toFixed(2)} x`,
      isMet: requests.size === 1 && only === '1 query, 1 GET' && ratio <= 1.2,
    };
  });
}

/** One record a segment. What sealing would leave, put there many at once: 10,000 seals would take minutes. */
async function segmentsIn(codecs: Codecs, folder: string, count: number): Promise<FolderLog> {
  const log = await openFolderLog(codecs, folder);
  const { bucket, catalog } = log.storage;
  const put = async (offset: number): Promise<void> => {
    const bytes = batchOf(codecs, 1_024);
    patchBaseOffset(bytes, { baseOffset: offset, leaderEpoch: 0 });
    const description = describeSegment(offset);
    description.add(readBatchHeader(bytes));
    const objectKey = segmentObjectKey(log.pk, random.id(), offset);
    await bucket.put(objectKey, bytes, newCall());
    const segment = { ...description.finish(), objectKey, version: random.id() };
    await catalog.put(segmentToItem(log.pk, segment), { condition: { kind: 'ifAbsent' } }, newCall());
  };
  for (let done = 0; done < count; done += PUTS_AT_ONCE) {
    const lot = Math.min(PUTS_AT_ONCE, count - done);
    await Promise.all(Array.from({ length: lot }, (_, i) => put(done + i)));
  }
  return log;
}

async function timedLook(log: FolderLog, offset: number): Promise<{ ms: number; requests: string }> {
  const fresh = await openLog(log.storage, newCall());
  // The topic and the bounds are known then, and the last segment.
  await fetchFrom(fresh, await tailOf(fresh), 1);
  const call = newCall();
  const startedMs = clock.monotonicMs();
  await fetchFrom(fresh, offset, 1, call);
  const ms = clock.monotonicMs() - startedMs;
  const { tableReads, objectGets } = call.meter.usage;
  return { ms, requests: `${tableReads} query, ${objectGets} GET` };
}

async function bytesPerMs(read: () => Promise<number>): Promise<number> {
  global.gc?.();
  const startedMs = clock.monotonicMs();
  const bytes = await read();
  return bytes / (clock.monotonicMs() - startedMs);
}

async function readLog(log: Parameters<typeof fetchFrom>[0], end: number): Promise<number> {
  let bytes = 0;
  for (let offset = 0; offset < end; ) {
    const { batches, nextOffset } = await fetchFrom(log, offset, MiB);
    for (const batch of batches) bytes += batch.length;
    if (nextOffset === offset) throw new Error(`the log ends at ${offset}`);
    offset = nextOffset;
  }
  return bytes;
}

async function readFiles(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) {
    const file = await open(path);
    for (;;) {
      const { bytesRead } = await file.read(new Uint8Array(MiB), 0, MiB);
      bytes += bytesRead;
      if (bytesRead < MiB) break;
    }
    await file.close();
  }
  return bytes;
}
