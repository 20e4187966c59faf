import type { Chunk } from '../../partition/chunk.ts';
import { stretchesOf } from '../../partition/stretch.ts';
import type { CopiedBatch } from './read-source.ts';
import type { ChunkPlace, TailContent } from './tail-writer.ts';

/** The chunk that holds these batches at their own offsets. `copyAtObservedTail`: the rule of that name. */
export function copyContent(
  batches: readonly CopiedBatch[],
  { copyAtObservedTail }: { readonly copyAtObservedTail: boolean },
): TailContent {
  return {
    bytesAt: () => joinedBytes(batches),
    chunkAt: (place) => {
      const first = batches[0]?.header.baseOffset ?? place.tail.offset;
      return composeCopy(batches, place, copyAtObservedTail ? place.tail.offset : first);
    },
  };
}

/** The batches in a row. Where they lie in a row already, as they do in what was read of an object, nothing is copied. */
function joinedBytes(batches: readonly CopiedBatch[]): Uint8Array {
  const total = batches.reduce((bytes, batch) => bytes + batch.bytes.length, 0);
  const first = batches[0]?.bytes;
  if (first === undefined) return new Uint8Array(0);
  if (lieInARow(batches)) return new Uint8Array(first.buffer, first.byteOffset, total);
  const joined = new Uint8Array(total);
  let at = 0;
  for (const { bytes } of batches) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return joined;
}

function lieInARow(batches: readonly CopiedBatch[]): boolean {
  return batches.every(({ bytes }, i) => {
    const next = batches[i + 1]?.bytes;
    const end = bytes.byteOffset + bytes.length;
    return next === undefined || (next.buffer === bytes.buffer && next.byteOffset === end);
  });
}

function composeCopy(
  batches: readonly CopiedBatch[],
  { tail, version, expiresAtSeconds, bytes, span }: ChunkPlace,
  baseOffset: number,
): Chunk {
  const { producersEnd } = tail;
  const headers = batches.map(({ header }) => header);
  const tellsItself = headers.some(({ producerId }) => producerId >= 0);
  return {
    ...{ baseOffset, version, expiresAtSeconds },
    endOffset: endOf(batches),
    maxTimestampMs: headers.reduce((max, header) => Math.max(max, header.maxTimestampMs), -1),
    identities: [],
    keepsOffsets: true,
    ...(tellsItself || producersEnd === undefined ? {} : { producersEnd }),
    body:
      span === undefined
        ? { kind: 'inline', bytes }
        : { kind: 'spilled', span, stretches: stretchesOf(headers) },
  };
}

export function endOf(batches: readonly CopiedBatch[]): number {
  const last = batches.at(-1)?.header;
  return last === undefined ? 0 : last.baseOffset + last.lastOffsetDelta + 1;
}
