import { MillraceError } from '../../errors.ts';
import { type Chunk, type ChunkBody, chunkFromItem } from '../../partition/chunk.ts';
import { readBounds } from '../../partition/tail.ts';
import { batchesIn } from '../../record/batches-in.ts';
import type { BatchHeader } from '../../record/header.ts';
import type { Item } from '../../storage/table.ts';
import type { Find } from './findings.ts';
import { checkKeptOffsets, tellBatches } from './kept-offsets.ts';
import { checkCrc, objectBatches, watchingForCuts } from './object-batches.ts';
import { type PartitionToVerify, soon, type VerifyDependencies } from './partition-to-verify.ts';

const CHUNKS_PER_PAGE = 256;

/** Walks along the hot chain above the sealed end and through every chunk. Answers the tail as far as it can be told. */
export async function verifyChunks(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  from: { readonly sealedEnd: number; readonly logStart: number },
): Promise<number> {
  let end = from.sealedEnd;
  for await (const { chunk, nowMs } of chunksFrom(deps, partition, from.sealedEnd)) {
    end = await checkLink(deps, partition, chunk, { end, logStart: from.logStart });
    if (chunk.body.kind === 'closed') return end;
    if (chunk.baseOffset >= end) end = await verifyChunk(deps, partition, chunk, nowMs);
  }
  return end;
}

/** With storage's own time when it was seen. */
async function* chunksFrom(
  deps: VerifyDependencies,
  { pk, find, tick, call }: PartitionToVerify,
  from: number,
): AsyncGenerator<{ readonly chunk: Chunk; readonly nowMs: number }> {
  let after: number | undefined;
  for (;;) {
    tick();
    const range = { from, limit: CHUNKS_PER_PAGE, consistent: true };
    const page = await deps.hot.query(
      pk,
      after === undefined ? range : { ...range, after },
      soon(deps, call),
    );
    const nowMs = page.observation.serverMs ?? deps.clock.wallMs();
    for (const item of page.items) {
      const chunk = readItem(find, item);
      if (chunk !== undefined) yield { chunk, nowMs };
    }
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

/** Where the chain goes on: at the chunk, or behind it if it has been sealed since the walk began. */
async function checkLink(
  deps: VerifyDependencies,
  { pk, find, call }: PartitionToVerify,
  { baseOffset, endOffset }: Chunk,
  from: { readonly end: number; readonly logStart: number },
): Promise<number> {
  if (baseOffset === from.end) return from.end;
  const now = await readBounds(deps.catalog, pk, { consistent: true }, soon(deps, call));
  if (endOffset <= now.sealedEnd) return Math.max(from.end, endOffset);
  const expected = Math.max(from.end, now.sealedEnd, Math.min(now.logStart, baseOffset));
  if (baseOffset > expected) {
    find('hot-gap', `The hot chain misses the offsets from ${expected} to ${baseOffset}`, expected);
  }
  if (baseOffset < from.end) {
    find('hot-overlap', `A chunk begins at ${baseOffset}, before ${from.end}`, baseOffset);
    return from.end;
  }
  return baseOffset;
}

function readItem(find: Find, item: Item<number>): Chunk | undefined {
  try {
    return chunkFromItem(item);
  } catch (fault) {
    find('unreadable', fault instanceof Error ? fault.message : String(fault), item.sk);
    return undefined;
  }
}

function checkExpiry(find: Find, { baseOffset, expiresAtSeconds }: Chunk, nowMs: number): void {
  if (expiresAtSeconds === undefined || expiresAtSeconds * 1000 > nowMs) return;
  find('expiry', `The unsealed chunk at ${baseOffset} is past its expiry`, baseOffset);
}

/** Answers where the chunk ends. */
async function verifyChunk(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  chunk: Chunk,
  nowMs: number,
): Promise<number> {
  partition.counts.chunkCount += 1;
  checkExpiry(partition.find, chunk, nowMs);
  const headers =
    chunk.body.kind === 'inline'
      ? inlineHeaders(deps, partition, chunk)
      : await spilledHeaders(deps, partition, chunk);
  if (headers !== undefined) checkHeaders(partition.find, chunk, headers);
  return chunk.endOffset;
}

function checkHeaders(find: Find, chunk: Chunk, headers: readonly BatchHeader[]): void {
  const { baseOffset, maxTimestampMs } = chunk;
  if (chunk.keepsOffsets === true) checkKeptOffsets(find, chunk, headers);
  else checkCovered(find, chunk, headers);
  if (headers.some((header) => header.maxTimestampMs > maxTimestampMs)) {
    find('timestamps', `The chunk at ${baseOffset} holds a timestamp beyond its largest`, baseOffset);
  }
}

function checkCovered(find: Find, { baseOffset, endOffset }: Chunk, headers: readonly BatchHeader[]): void {
  const covered = headers.reduce((total, { lastOffsetDelta }) => total + lastOffsetDelta + 1, 0);
  if (covered === endOffset - baseOffset) return;
  const message = `The batches of the chunk at ${baseOffset} cover ${covered} offsets, not ${endOffset - baseOffset}`;
  find('batch-offsets', message, baseOffset);
}

/** Undefined where the bytes cannot be told apart, which has been told. */
function inlineHeaders(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  chunk: Chunk,
): BatchHeader[] | undefined {
  const { find, counts } = partition;
  const bytes = chunk.body.kind === 'inline' ? chunk.body.bytes : new Uint8Array(0);
  const headers: BatchHeader[] = [];
  let expected = chunk.baseOffset;
  try {
    for (const batch of batchesIn(bytes)) {
      checkCrc(deps, partition, batch.bytes, `The chunk at ${chunk.baseOffset}`);
      if (batch.header.baseOffset !== expected && chunk.keepsOffsets !== true) {
        const message = `The chunk at ${chunk.baseOffset} has a batch for ${batch.header.baseOffset} at ${expected}`;
        find('batch-offsets', message, expected);
      }
      expected += batch.header.lastOffsetDelta + 1;
      counts.batchCount += 1;
      counts.recordCount += batch.header.recordCount;
      counts.bytes += batch.bytes.length;
      headers.push(batch.header);
    }
    return headers;
  } catch (fault) {
    if (!(fault instanceof MillraceError)) throw fault;
    find('batch-format', `The chunk at ${chunk.baseOffset}: ${fault.message}`, chunk.baseOffset);
    return undefined;
  }
}

/** The offsets in the object may be those of an earlier attempt; the item's summaries must be right. */
async function spilledHeaders(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  chunk: Chunk,
): Promise<BatchHeader[] | undefined> {
  if (chunk.body.kind !== 'spilled') return undefined;
  const { span } = chunk.body;
  const stretch = { ...span, mayGoOn: true, offset: chunk.baseOffset };
  const headers: BatchHeader[] = [];
  const watched = watchingForCuts(partition);
  for await (const { header } of objectBatches(deps, watched.partition, stretch)) headers.push(header);
  if (watched.isCut()) return undefined;
  if (!areToldRight(chunk.body, headers)) {
    const message = `The summaries of the chunk at ${chunk.baseOffset} do not tell what object ${span.key} holds`;
    partition.find('summaries', message, chunk.baseOffset);
  }
  return headers;
}

function areToldRight(
  body: Extract<ChunkBody, { kind: 'spilled' }>,
  headers: readonly BatchHeader[],
): boolean {
  if ('stretches' in body) return tellBatches(body.stretches, headers);
  const { batches } = body;
  return (
    headers.length === batches.length &&
    headers.every((header, at) => {
      const summary = batches[at];
      return summary?.bytes === header.batchBytes && summary.offsetCount === header.lastOffsetDelta + 1;
    })
  );
}
