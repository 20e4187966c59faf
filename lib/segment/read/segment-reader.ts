import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type ForeignStretch, foreignWithin } from '../foreign-stretches.ts';
import type { Segment } from '../segment-item.ts';
import { type Cursor, cursors } from './cursors.ts';
import { findSegment } from './find-segment.ts';
import { objectCache } from './object-cache.ts';
import { damagedObject, placedBatches } from './placed-batches.ts';
import { readAhead } from './read-ahead.ts';
import { indexEnd, readPart } from './read-segment.ts';
import { segmentCache } from './segment-cache.ts';

export interface SegmentReaderDependencies extends Pick<EngineParts, 'catalog' | 'bucket' | 'clock'> {
  /** Whether the next bytes are fetched for a reader that goes on from its last answer, while it works. */
  readonly readsAhead: boolean;
}

export interface SegmentRequest {
  readonly pk: string;
  /** Below the sealed end. */
  readonly offset: number;
  readonly bytesMax: number;
  /** Whatever is cached has been found wrong: everything is read anew. */
  readonly consistent: boolean;
}

export interface SegmentRead {
  readonly batches: readonly Uint8Array[];
  readonly nextOffset: number;
  /** As in `FetchResult`. */
  readonly foreign?: readonly ForeignStretch[];
}

/**
 * Reads the sealed part of any partition, for a whole process: its caches of segment items and of objects' bytes are in
 * here, both bounded.
 */
export interface SegmentReader {
  /**
   * Whole batches from the one that holds `offset` on, up to about `bytesMax` and at least one if the segment has any
   * left; they are views of what is cached, not to be written to. One ranged read at most (two where compaction has left a hole), and one query where the segment's item is not known; a
   * damaged batch ends the answer before it. Throws `StorageFault` (`damaged` with the object's name).
   */
  read(request: SegmentRequest, call: Call): Promise<SegmentRead>;
}

export function segmentReader(deps: SegmentReaderDependencies): SegmentReader {
  const segments = segmentCache(deps.clock);
  const objects = objectCache(LIMITS.objectCacheBytesMax);
  const readers = cursors();
  const ahead = readAhead({ ...deps, objects });

  const goOn = (
    segment: StoredSegment,
    request: SegmentRequest,
    answer: Answer,
    isSequential: boolean,
  ): void => {
    if (answer.position >= segment.bytes) return;
    const { objectKey } = segment;
    const cursor: Cursor = { offset: answer.nextOffset, objectKey, position: answer.position };
    if (isSequential && deps.readsAhead) ahead.start(segment, { ...cursor, bytesMax: request.bytesMax });
    const gone = readers.put(request.pk, cursor);
    if (gone !== undefined) ahead.stop(gone);
  };

  return {
    async read(request, call) {
      const { pk, offset, consistent } = request;
      const segment = await findSegment({ ...deps, segments }, request, call);
      if (!isStored(segment)) return { batches: [], nextOffset: segment.endOffset };
      if (consistent) objects.forget(segment.objectKey);
      const cursor = readers.take(pk, offset);
      const isSequential = cursor?.objectKey === segment.objectKey;
      const answer = emptyAnswer(offset, isSequential ? cursor.position : floorPosition(segment, offset));
      await fillAsFarAsSound(answer, segment, request.bytesMax, call);
      goOn(segment, request, answer, isSequential);
      // Compaction leaves holes between batches, and none may be left behind the offset asked.
      const isAtEnd = answer.position >= segment.bytes;
      const nextOffset = isAtEnd ? segment.endOffset : answer.nextOffset;
      return { batches: answer.batches, nextOffset, ...foreignWithin(segment.foreign, offset, nextOffset) };
    },
  };

  /** What lies before damage is answered; the next read begins with it and says so. */
  async function fillAsFarAsSound(
    answer: Answer,
    segment: StoredSegment,
    bytesMax: number,
    call: Call,
  ): Promise<void> {
    try {
      await fill(answer, segment, bytesMax, call);
    } catch (fault) {
      if (!(fault instanceof StorageFault) || fault.kind !== 'damaged') throw fault;
      objects.forget(segment.objectKey);
      if (answer.batches.length === 0) throw fault;
    }
  }

  /** From what is cached, and once from the object. */
  async function fill(answer: Answer, segment: StoredSegment, bytesMax: number, call: Call): Promise<void> {
    let isFetched = false;
    while (answer.position < segment.bytes && !answer.isFull) {
      const cached = objects.use(segment.objectKey, answer.position, call.meter);
      const bytes = await cached?.bytes;
      if (cached !== undefined && bytes !== undefined) {
        take(answer, segment, { bytes: bytes.subarray(answer.position - cached.start), bytesMax });
        continue;
      }
      if (cached !== undefined) objects.drop(cached);
      // In the holes that compaction leaves, one read may find nothing.
      if (isFetched && answer.batches.length > 0) return;
      isFetched = true;
      await fetch(answer, segment, bytesMax, call);
    }
  }

  async function fetch(answer: Answer, segment: StoredSegment, bytesMax: number, call: Call): Promise<void> {
    const start = answer.position;
    const end = indexEnd(segment, start, bytesMax - answer.bytes);
    const bytes = await readPart(deps.bucket, segment, { start, length: end - start }, call);
    const isShort = bytes.length < end - start;
    if (!isShort) {
      objects.add({ objectKey: segment.objectKey, start, end, bytes: Promise.resolve(bytes) });
    }
    take(answer, segment, { bytes, bytesMax });
    if (isShort && !answer.isFull) throw damagedObject(segment, answer.position, 'it ends here');
  }
}

type StoredSegment = Segment & { readonly objectKey: string };

function isStored(segment: Segment): segment is StoredSegment {
  return segment.objectKey !== undefined;
}

interface Answer {
  readonly offset: number;
  readonly batches: Uint8Array[];
  bytes: number;
  nextOffset: number;
  /** Behind the last batch taken or passed over. */
  position: number;
  isFull: boolean;
}

function emptyAnswer(offset: number, position: number): Answer {
  return { offset, batches: [], bytes: 0, nextOffset: offset, position, isFull: false };
}

function floorPosition(segment: Segment, offset: number): number {
  return segment.index.findLast((entry) => entry.offset <= offset)?.position ?? 0;
}

/** Takes the batches that are asked for out of bytes that begin at the answer's position. */
function take(
  answer: Answer,
  segment: Segment,
  { bytes, bytesMax }: { readonly bytes: Uint8Array; readonly bytesMax: number },
): void {
  const from = answer.position;
  const entry = segment.index.find(({ position }) => position === from);
  const offsetMin = answer.batches.length > 0 ? answer.nextOffset : segment.baseOffset;
  const part = { bytes, position: from, offsetMin, offsetFirst: entry?.offset };
  for (const { header, position, endPosition, endOffset } of placedBatches(segment, part)) {
    if (endOffset > answer.offset) {
      answer.isFull = answer.bytes > 0 && answer.bytes + header.batchBytes > bytesMax;
      if (answer.isFull) return;
      answer.batches.push(bytes.subarray(position - from, endPosition - from));
      answer.bytes += header.batchBytes;
      answer.nextOffset = endOffset;
    }
    answer.position = endPosition;
  }
  answer.isFull = answer.bytes >= bytesMax;
}
