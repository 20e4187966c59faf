import { summarize } from '../../partition/batch-summary.ts';
import type { Chunk, ChunkBody } from '../../partition/chunk.ts';
import { type ChunkOrigin, originsWith } from '../../partition/origins.ts';
import type { Tail } from '../../partition/tail.ts';
import { patchBaseOffset } from '../../record/header.ts';
import type { CopiedBatch } from '../copy/read-source.ts';

/** The batches in a row, in new bytes, at the offsets that they get; their epochs are those of their own region. */
export function mergedBytes(batches: readonly CopiedBatch[], baseOffset: number): Uint8Array {
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
export function originOf(region: string, batches: readonly CopiedBatch[]): ChunkOrigin {
  const first = batches[0]?.header.baseOffset ?? 0;
  const last = batches.at(-1)?.header;
  return { region, baseOffset: first, endOffset: last ? last.baseOffset + last.lastOffsetDelta + 1 : first };
}

/** ⚑ The chunk that holds these batches at the tail: what it says of their origin holds at that tail and nowhere else. */
export function composeMerged(
  batches: readonly CopiedBatch[],
  place: {
    readonly tail: Tail;
    readonly origin: ChunkOrigin;
    readonly version: string;
    readonly expiresAtSeconds: number;
    readonly bytes: Uint8Array;
    readonly span: Extract<ChunkBody, { kind: 'spilled' }>['span'] | undefined;
  },
): Chunk {
  const { tail, origin, version, expiresAtSeconds, bytes, span } = place;
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
