import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDirectoryBucket } from '../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import { engineParts } from '../lib/open-log.ts';
import { batchesIn, type Codecs, decodeBatch, encodeBatch, type StoredRecord } from '../lib/record/index.ts';
import type { CompactOutcome } from '../lib/segment/compact/pass.ts';
import { segmentsOf } from '../lib/segment/compact/segments-of.ts';
import { describeSegment } from '../lib/segment/describe-segment.ts';
import { growingBytes } from '../lib/segment/growing-bytes.ts';
import { type Segment, segmentObjectKey, segmentToItem } from '../lib/segment/segment-item.ts';
import type { Call } from '../lib/storage/call.ts';
import { Meter } from '../lib/storage/meter.ts';
import type { Row } from './row.ts';

const RECORDS = 3_000_000;
const KEYS = 100_000;
const RECORDS_PER_BATCH = 500;
const SEGMENT_BYTES = 67_108_864;
const VALUE_BYTES = 200;
const PK = 'bench:0';
const MIB = 1_048_576;

const clock = systemClock();
const random = systemRandom();

const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 600_000 });
const say = (text: string): boolean => process.stderr.write(`  ${text}\n`);

/**
 * Compaction of 3 million records of 100 thousand keys in sealed segments, on the embedded store: against a plain read and
 * write of the same bytes through the same bucket, and checked key by key against offsets that are known from writing.
 */
export async function compactionRows(codecs: Codecs): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    const { newest, plainMs } = await withParts(codecs, folder, async (parts) => ({
      newest: await writeSegments(codecs, parts),
      plainMs: await plainReadAndWrite(parts),
    }));
    const { ms, peakBytes, outcome } = await compactInChild(folder);
    const wrongCount = await withParts(codecs, folder, (parts) => countWrong(codecs, parts, newest));
    if (outcome.kind === 'compacted') {
      const { bytesBefore, bytesAfter } = outcome.work;
      say(`compacted ${inMiB(bytesBefore)} to ${inMiB(bytesAfter)} in ${Math.round(ms)} ms`);
    }
    return rowsOf({ peakBytes, ratio: plainMs / ms, wrongCount, isDone: outcome.kind === 'compacted' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const inMiB = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

function rowsOf(found: {
  readonly peakBytes: number;
  readonly ratio: number;
  readonly wrongCount: number;
  readonly isDone: boolean;
}): Row[] {
  const { peakBytes, ratio, wrongCount, isDone } = found;
  return [
    {
      what: 'compaction of 3 million records, 100 thousand keys: peak memory above start',
      bar: '<= 256 MiB',
      measured: inMiB(peakBytes),
      isMet: peakBytes <= 256 * MIB,
    },
    {
      what: 'throughput of the same',
      bar: '>= 0.30 x a plain read + write',
      measured: `${ratio.toFixed(2)} x`,
      isMet: ratio >= 0.3,
    },
    {
      what: 'keys of the same whose newest record is missing, wrong or not the only one',
      bar: '0',
      measured: String(wrongCount),
      isMet: wrongCount === 0 && isDone,
    },
  ];
}

async function withParts<T>(
  codecs: Codecs,
  folder: string,
  work: (parts: EngineParts) => Promise<T>,
): Promise<T> {
  const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  try {
    return await work(engineParts({ ...tables, bucket, clock, random, codecs }));
  } finally {
    tables.close();
  }
}

const keyName = (key: number): string => `customer-${String(key).padStart(8, '0')}`;

/** The value of a record follows from its offset, so that it can be checked without being kept. */
function valueAt(offset: number): Uint8Array {
  return Buffer.alloc(VALUE_BYTES, `value of record ${offset} `);
}

/** A fixed sequence that visits keys unevenly: every second record is of a tenth of the keys. */
function keyAt(offset: number): number {
  const mixed = Math.imul(offset + 1, 0x9e3779b1) >>> 0;
  return offset % 2 === 0 ? mixed % KEYS : mixed % (KEYS / 10);
}

/** Sealed segments as a sealer would leave them; answers the newest offset of every key. */
async function writeSegments(codecs: Codecs, parts: EngineParts): Promise<Int32Array> {
  const newest = new Int32Array(KEYS).fill(-1);
  let bytes = growingBytes(SEGMENT_BYTES + MIB);
  let description = describeSegment(0);
  const flush = async (): Promise<void> => {
    const content = description.finish();
    const objectKey = segmentObjectKey(PK, random.id(), content.baseOffset);
    await parts.bucket.put(objectKey, bytes.view(), newCall());
    const item = segmentToItem(PK, { ...content, version: random.id(), objectKey });
    await parts.catalog.put(item, { condition: { kind: 'ifAbsent' } }, newCall());
    say(`wrote ${content.endOffset.toLocaleString('en')} records`);
    bytes = growingBytes(SEGMENT_BYTES + MIB);
    description = describeSegment(content.endOffset);
  };
  for (let baseOffset = 0; baseOffset < RECORDS; baseOffset += RECORDS_PER_BATCH) {
    const records = Array.from({ length: RECORDS_PER_BATCH }, (_, i) => {
      const offset = baseOffset + i;
      newest[keyAt(offset)] = offset;
      return {
        key: Buffer.from(keyName(keyAt(offset))),
        value: valueAt(offset),
        headers: [],
        timestampMs: 1_700_000_000_000 + offset,
      };
    });
    const batch = encodeBatch(codecs, records, { compression: 'none', baseOffset });
    for (const { header } of batchesIn(batch)) description.add(header);
    bytes.append(batch);
    if (bytes.length >= SEGMENT_BYTES) await flush();
  }
  if (bytes.length > 0) await flush();
  return newest;
}

async function segmentsNow(parts: EngineParts): Promise<Segment[]> {
  const segments: Segment[] = [];
  for await (const segment of segmentsOf(parts.catalog, PK, newCall())) segments.push(segment);
  return segments;
}

/** What copying the same objects takes: the reference. */
async function plainReadAndWrite(parts: EngineParts): Promise<number> {
  const segments = await segmentsNow(parts);
  const copies: string[] = [];
  const startedMs = clock.monotonicMs();
  for (const { objectKey } of segments) {
    if (objectKey === undefined) continue;
    const bytes = await parts.bucket.get(objectKey, undefined, newCall());
    const copyKey = segmentObjectKey('copy:0', random.id(), copies.length);
    await parts.bucket.put(copyKey, bytes ?? new Uint8Array(), newCall());
    copies.push(copyKey);
  }
  const ms = clock.monotonicMs() - startedMs;
  await parts.bucket.delete(copies, newCall());
  say(`a plain read + write took ${Math.round(ms)} ms`);
  return ms;
}

interface Compaction {
  readonly ms: number;
  /** What the process held at most, above what it held before. */
  readonly peakBytes: number;
  readonly outcome: CompactOutcome;
}

/** In a process of its own, because the system tells the largest memory only of a whole process's life. */
async function compactInChild(folder: string): Promise<Compaction> {
  const script = new URL('compaction-child.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder, PK]);
  return JSON.parse(stdout) as Compaction;
}

/** Every key exactly once, at the offset and with the value that was last written. */
async function countWrong(codecs: Codecs, parts: EngineParts, newest: Int32Array): Promise<number> {
  const found = new Int32Array(KEYS).fill(-1);
  let wrong = 0;
  for await (const { offset, key, value } of recordsOf(codecs, parts)) {
    const index = keyAt(offset);
    const isRight =
      found[index] === -1 &&
      keyName(index) === Buffer.from(key ?? []).toString() &&
      Buffer.compare(value ?? Buffer.alloc(0), valueAt(offset)) === 0;
    wrong += isRight ? 0 : 1;
    found[index] = offset;
  }
  for (let key = 0; key < KEYS; key += 1) wrong += found[key] === newest[key] ? 0 : 1;
  return wrong;
}

async function* recordsOf(codecs: Codecs, parts: EngineParts): AsyncGenerator<StoredRecord> {
  for (const { objectKey } of await segmentsNow(parts)) {
    if (objectKey === undefined) continue;
    const bytes = await parts.bucket.get(objectKey, undefined, newCall());
    for (const batch of batchesIn(bytes ?? new Uint8Array())) yield* decodeBatch(codecs, batch.bytes);
  }
}
