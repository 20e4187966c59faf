import { patchBaseOffset } from '../record/header.ts';
import type { AppendEntry } from './append-entry.ts';
import { bytesOf } from './append-queue.ts';
import type { Chunk, ChunkIdentity, ObjectSpan } from './chunk.ts';
import type { Origins } from './origins.ts';

interface Place {
  readonly baseOffset: number;
  readonly version: string;
  readonly expiresAtSeconds: number;
  /** Where the bytes have been uploaded to; undefined: they go inline. */
  readonly span: ObjectSpan | undefined;
  /** The end of the last chunk before it that has producer ids, if there is one. */
  readonly producersEnd: number | undefined;
  /** As of the place. */
  readonly origins: Origins | undefined;
}

/** The chunk that holds these entries in a row. Patches the bytes of a lone inline entry in place. */
export function composeChunk(entries: readonly AppendEntry[], place: Place): Chunk {
  const { baseOffset, version, expiresAtSeconds, span, producersEnd, origins } = place;
  const tellsItself = entries.some(({ batches }) => batches.some(({ producerId }) => producerId >= 0));
  let offsetDelta = 0;
  const identities: ChunkIdentity[] = [];
  for (const { identity, offsetCount } of entries) {
    if (identity !== undefined) identities.push({ id: identity.id, offsetDelta });
    offsetDelta += offsetCount;
  }
  return {
    baseOffset,
    endOffset: baseOffset + offsetDelta,
    version,
    expiresAtSeconds,
    maxTimestampMs: Math.max(...entries.map((entry) => entry.maxTimestampMs)),
    identities,
    ...(tellsItself || producersEnd === undefined ? {} : { producersEnd }),
    ...(origins === undefined ? {} : { origins }),
    body:
      span === undefined
        ? { kind: 'inline', bytes: placedBytes(entries, baseOffset) }
        : { kind: 'spilled', span, batches: entries.flatMap((entry) => entry.batches) },
  };
}

/** The batches of all entries in a row, with their epochs and the base offsets they get at `baseOffset`. A lone entry is patched in place. */
export function placedBytes(entries: readonly AppendEntry[], baseOffset: number): Uint8Array {
  const [only] = entries;
  const bytes = entries.length === 1 && only !== undefined ? only.bytes : concatenated(entries);
  let at = 0;
  let offset = baseOffset;
  for (const entry of entries) {
    for (const batch of entry.batches) {
      patchBaseOffset(bytes.subarray(at, at + batch.bytes), {
        baseOffset: offset,
        leaderEpoch: entry.leaderEpoch,
      });
      at += batch.bytes;
      offset += batch.offsetCount;
    }
  }
  return bytes;
}

function concatenated(entries: readonly AppendEntry[]): Uint8Array {
  const all = new Uint8Array(bytesOf(entries));
  let at = 0;
  for (const entry of entries) {
    all.set(entry.bytes, at);
    at += entry.bytes.length;
  }
  return all;
}
