import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { chunkFromItem } from '../../partition/chunk.ts';
import { PartitionReader } from '../../partition/partition-reader.ts';
import { createPartitionState, type PartitionState } from '../../partition/partition-state.ts';
import { readBounds, readTail } from '../../partition/tail.ts';
import { verifyBatchCrc } from '../../record/checksum.ts';
import { type BatchHeader, readBatchHeader } from '../../record/header.ts';
import type { SegmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type Hole, type SureBounds, sureBounds } from './holes.ts';

/** A batch as it stands in a log; its bytes are not to be written to. */
export interface CopiedBatch {
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
}

export type SourceRead =
  /** Never empty: ascending, from the one that holds the offset on, or behind it where there are no records. */
  | { readonly kind: 'batches'; readonly batches: readonly CopiedBatch[] }
  /** The source was not seen to have more. */
  | { readonly kind: 'atEnd' }
  /** The source ends before the offset. */
  | { readonly kind: 'endsBefore'; readonly endOffset: number };

/** One partition of a log that is read in order to be copied, or compared with its copy. */
export interface CopyReader {
  /** From `offset` on, or from the log's start where that lies behind it. Throws `StorageFault`. */
  read(offset: number, bytesMax: number, call: Call): Promise<SourceRead>;
  /** Lower bounds. */
  readonly knownEnd: number;
  readonly logStart: number;
  /** Consistent. */
  ends(call: Call): Promise<{ readonly logStart: number; readonly endOffset: number }>;
}

/** How often the log may be trimmed under a read. */
const LOOKS_MAX = 4;

/**
 * ⚑ `gapFromConsistentLook`: offsets are left out only where storage is sure of it. The reader itself stops at a gap in what
 * it sees of the hot chain; each hole between batches is then held against the bounds besides (`holes.ts`).
 */
export function createCopyReader(parts: EngineParts, sealed: SegmentReader, pk: string): CopyReader {
  const { gapFromConsistentLook } = parts.rules;
  const rules = gapFromConsistentLook ? parts.rules : { ...parts.rules, gapCut: false };
  const state: PartitionState = createPartitionState(parts.clock);
  const reader = new PartitionReader({ ...parts, rules, sealed }, pk, state);
  const sure: SureBounds = sureBounds(parts, pk);

  const found = async (
    bytes: readonly Uint8Array[],
    offset: number,
    call: Call,
  ): Promise<readonly CopiedBatch[]> => {
    const batches = bytes.map((batch) => ({ bytes: batch, header: readBatchHeader(batch) }));
    for (const batch of batches) verifyBatchCrc(parts.codecs, batch.bytes);
    if (gapFromConsistentLook) await sure.confirm(holesIn(batches, offset), call);
    return batches;
  };

  const readFrom = async (offset: number, bytesMax: number, call: Call): Promise<SourceRead> => {
    const { batches } = await reader.read(offset, bytesMax, call);
    if (batches.length === 0) return { kind: 'atEnd' };
    return { kind: 'batches', batches: await found(batches, offset, call) };
  };

  const ends = async (call: Call): ReturnType<CopyReader['ends']> => {
    const { tail, bounds } = await readTail(parts, pk, parts.rules, call);
    state.learnBounds(bounds);
    return { logStart: bounds.logStart, endOffset: tail.offset };
  };

  /** For a reader that knows nothing yet, the cheapest look: most partitions have nothing new. */
  const seemsToEndAt = async (offset: number, call: Call): Promise<boolean> => {
    const newestOnly = { reverse: true, limit: 1, consistent: false };
    const [{ items }, bounds] = await Promise.all([
      parts.hot.query(pk, newestOnly, call),
      readBounds(parts.catalog, pk, { consistent: false }, call),
    ]);
    state.learnBounds(bounds);
    const hotEnd = items[0] === undefined ? 0 : chunkFromItem(items[0]).endOffset;
    if (Math.max(hotEnd, bounds.sealedEnd, bounds.logStart) !== offset) return false;
    state.learnEnd(offset);
    return true;
  };

  return {
    read: async (offset, bytesMax, call) => {
      if (state.knownEnd === undefined && (await seemsToEndAt(offset, call))) return { kind: 'atEnd' };
      let from = offset;
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        const read = await readFrom(from, bytesMax, call).catch(outOfRange);
        if (read !== undefined) return read;
        const { logStart, endOffset } = await ends(call);
        if (endOffset < offset) return { kind: 'endsBefore', endOffset };
        from = Math.max(offset, logStart);
      }
      throw new StorageFault('throttled', `Partition ${pk} is trimmed on during every look`);
    },
    ends,
    get knownEnd() {
      return state.knownEnd ?? 0;
    },
    get logStart() {
      return state.logStart;
    },
  };
}

function outOfRange(fault: unknown): undefined {
  if (fault instanceof MillraceError && fault.code === 'OFFSET_OUT_OF_RANGE') return;
  throw fault;
}

/** Where batches do not follow each other; what lies before the first one counts from `offset` on. */
function holesIn(batches: readonly CopiedBatch[], offset: number): Hole[] {
  const holes: Hole[] = [];
  let end = offset;
  for (const { header } of batches) {
    if (header.baseOffset > end) holes.push({ from: end, to: header.baseOffset });
    end = Math.max(end, header.baseOffset + header.lastOffsetDelta + 1);
  }
  return holes;
}
