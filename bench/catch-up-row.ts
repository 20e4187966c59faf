import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineParts } from '../lib/open-log.ts';
import { type Codecs, patchBaseOffset, readBatchHeader } from '../lib/record/index.ts';
import { createCopier } from '../lib/replication/copy/create-copier.ts';
import { describeSegment } from '../lib/segment/describe-segment.ts';
import { type Segment, segmentObjectKey, segmentToItem } from '../lib/segment/segment-item.ts';
import { observeNow } from '../lib/storage/observation.ts';
import { median, type Row } from './row.ts';
import { batchOf, clock, type FolderLog, newCall, openFolderLog, random, tailOf } from './segment-log.ts';

const HISTORY_BYTES = 1e9;
const SEGMENT_BYTES = 67_108_864;
const BATCH_BYTES = 65_536;
const RUNS = 3;
const SETTINGS = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };

/**
 * Sealed history of 1 GB is copied from one log in a folder to another, against copying the same segment files, which
 * are synced as well, and appending their catalog items. In turn, so that both meet the same machine.
 */
export async function catchUpRow(codecs: Codecs): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-copy-'));
  try {
    const source = await openFolderLog(codecs, join(folder, 'source'), { readsAhead: true });
    const segments = await fillWithSegments(codecs, source);
    const ratios: number[] = [];
    for (let i = 0; i < RUNS; i += 1) {
      const plainMs = await inTarget(codecs, join(folder, `plain-${i}`), (to) =>
        copyFiles(source, to, segments),
      );
      const oursMs = await inTarget(codecs, join(folder, `ours-${i}`), (to) => copyLog(source, to));
      ratios.push(plainMs / oursMs);
    }
    source.close();
    const ratio = median(ratios);
    return {
      what: 'catching up with 1 GB of sealed history, batches of 64 KiB',
      bar: '>= 0.50 x copying the files and their items',
      measured: `${ratio.toFixed(2)} x`,
      isMet: ratio >= 0.5,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds that the work takes. */
async function inTarget(
  codecs: Codecs,
  folder: string,
  work: (target: FolderLog) => Promise<void>,
): Promise<number> {
  const target = await openFolderLog(codecs, folder);
  try {
    const startedMs = clock.monotonicMs();
    await work(target);
    return clock.monotonicMs() - startedMs;
  } finally {
    target.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fillWithSegments(codecs: Codecs, { storage, pk }: FolderLog): Promise<Segment[]> {
  const batch = batchOf(codecs, BATCH_BYTES);
  const perSegment = Math.floor(SEGMENT_BYTES / batch.length);
  const bytes = new Uint8Array(perSegment * batch.length);
  const segments: Segment[] = [];
  for (let offset = 0; offset * batch.length < HISTORY_BYTES; ) {
    const description = describeSegment(offset);
    const objectKey = segmentObjectKey(pk, random.id(), offset);
    for (let i = 0; i < perSegment; i += 1) {
      bytes.set(batch, i * batch.length);
      const placed = bytes.subarray(i * batch.length, (i + 1) * batch.length);
      patchBaseOffset(placed, { baseOffset: offset, leaderEpoch: 0 });
      description.add(readBatchHeader(placed));
      offset += 1;
    }
    const segment = { ...description.finish(), objectKey, version: random.id() };
    await storage.bucket.put(objectKey, bytes, newCall());
    const condition = { kind: 'ifAbsent' } as const;
    await storage.catalog.put(segmentToItem(pk, segment), { condition }, newCall());
    segments.push(segment);
  }
  return segments;
}

async function copyFiles(source: FolderLog, target: FolderLog, segments: readonly Segment[]): Promise<void> {
  for (const segment of segments) {
    const bytes = await source.storage.bucket.get(segment.objectKey ?? '', undefined, newCall());
    if (bytes === undefined) throw new Error('the source has lost a file');
    const objectKey = segmentObjectKey(target.pk, random.id(), segment.baseOffset);
    await target.storage.bucket.put(objectKey, bytes, newCall());
    const item = segmentToItem(target.pk, { ...segment, objectKey, version: random.id() });
    await target.storage.catalog.put(item, { condition: { kind: 'ifAbsent' } }, newCall());
  }
}

async function copyLog(source: FolderLog, target: FolderLog): Promise<void> {
  const sides = { source: engineParts(source.storage), target: engineParts(target.storage) };
  const topic = await source.log.listTopics(newCall());
  const place = {
    sourcePk: source.pk,
    targetPk: target.pk,
    sourceTopic: topic[0]?.name ?? '',
    start: 'earliest',
  } as const;
  const copier = createCopier(sides).partition(place);
  for (;;) {
    const outcome = await copier.copyOnce({ settings: SETTINGS, topicSeen: observeNow(clock) }, newCall());
    if (outcome.kind === 'caughtUp') break;
    if (outcome.kind !== 'copied') throw new Error(`copying ended: ${outcome.kind}`);
  }
  if ((await tailOf(target.log)) !== (await tailOf(source.log))) throw new Error('the copy is short');
}
