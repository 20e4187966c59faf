import { summarize } from '../../partition/batch-summary.ts';
import type { Chunk } from '../../partition/chunk.ts';
import { type ChunkOrigin, originsWith } from '../../partition/origins.ts';
import { patchBaseOffset } from '../../record/header.ts';
import type { CopiedBatch } from '../copy/read-source.ts';
import type { ChunkPlace, TailContent } from '../copy/tail-writer.ts';

/** A chunk of batches that follow each other without a hole in `region`, at the offsets there that their headers tell. */
export function mergedContent(batches: readonly CopiedBatch[], region: string): TailContent {
  return {
    bytesAt: ({ offset }) => mergedBytes(batches, offset),
    chunkAt: (place) => composeMerged(batches, place, originOf(region, batches)),
  };
}

/** The batches in a row, in new bytes, at the offsets that they get; their epochs are those of their own region. */
function mergedBytes(batches: readonly CopiedBatch[], baseOffset: number): Uint8Array {
  const bytes = new Uint8Array(batches.reduce((total, batch) => total + batch.bytes.length, 0));
  let at = 0;
  let offset = baseOffset;
  for (const { bytes: batch, header } of batches) {
    bytes.set(batch, at);
    const place = { baseOffset: offset, leaderEpoch: header.leaderEpoch };
    patchBaseOffset(bytes.subarray(at, at + batch.length), place);
    at += batch.length;
    offset += header.lastOffsetDelta + 1;
  }
  return bytes;
}

/** Where batches that follow each other without a hole come from. */
function originOf(region: string, batches: readonly CopiedBatch[]): ChunkOrigin {
  const first = batches[0]?.header.baseOffset ?? 0;
  const last = batches.at(-1)?.header;
  return { region, baseOffset: first, endOffset: last ? last.baseOffset + last.lastOffsetDelta + 1 : first };
}

/** ⚑ What the chunk says of its origin holds at that tail and nowhere else. */
function composeMerged(
  batches: readonly CopiedBatch[],
  { tail, version, expiresAtSeconds, bytes, span }: ChunkPlace,
  origin: ChunkOrigin,
): Chunk {
  const headers = batches.map(({ header }) => header);
  return {
    baseOffset: tail.offset,
    endOffset: tail.offset + origin.endOffset - origin.baseOffset,
    version,
    expiresAtSeconds,
    maxTimestampMs: Math.max(...headers.map(({ maxTimestampMs }) => maxTimestampMs)),
    identities: [],
    origin,
    origins: originsWith(tail.origins, origin, headers.at(-1)?.crc ?? 0),
    ...(tail.producersEnd === undefined ? {} : { producersEnd: tail.producersEnd }),
    body:
      span === undefined
        ? { kind: 'inline', bytes }
        : { kind: 'spilled', span, batches: headers.map(summarize) },
  };
}
