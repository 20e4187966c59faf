import { MillraceError } from '../../errors.ts';
import { type BatchHeader, readBatchHeader } from '../../record/header.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Segment } from '../segment-item.ts';

/** A batch of a segment's object, where it lies in it and in the log. */
export interface PlacedBatch {
  readonly header: BatchHeader;
  readonly position: number;
  readonly endPosition: number;
  readonly endOffset: number;
}

/** Bytes of a segment's object that begin between two batches. */
export interface SegmentPart {
  readonly bytes: Uint8Array;
  readonly position: number;
  /** The first batch begins there or behind it. */
  readonly offsetMin: number;
  /** Where the index says that the first batch begins. */
  readonly offsetFirst?: number | undefined;
}

/**
 * The batches in part of a segment's object, each with its structure and its place checked: one behind the other, within
 * the offsets that the item says. (Their checksums are the clients' to check: docs/adr/0010.) Throws `StorageFault`
 * (`damaged`) that names the object, where the first batch begins that cannot be what was sealed.
 */
export function* placedBatches(segment: Segment, part: SegmentPart): Generator<PlacedBatch> {
  let { offsetMin, offsetFirst } = part;
  let at = 0;
  while (at < part.bytes.length) {
    const position = part.position + at;
    const header = headerAt(segment, part.bytes, { at, position });
    const endOffset = header.baseOffset + header.lastOffsetDelta + 1;
    const isInPlace = header.baseOffset >= offsetMin && endOffset <= segment.endOffset;
    if (!isInPlace || header.baseOffset !== (offsetFirst ?? header.baseOffset)) {
      const expected = `from ${offsetFirst ?? offsetMin} on, before ${segment.endOffset}`;
      const problem = `a batch of offsets ${header.baseOffset} to ${endOffset - 1} where one ${expected} should be`;
      throw damagedObject(segment, position, problem);
    }
    const endPosition = position + header.batchBytes;
    yield { header, position, endPosition, endOffset };
    at += header.batchBytes;
    offsetMin = endOffset;
    offsetFirst = undefined;
  }
}

function headerAt(
  segment: Segment,
  bytes: Uint8Array,
  { at, position }: { readonly at: number; readonly position: number },
): BatchHeader {
  try {
    return readBatchHeader(bytes, at);
  } catch (fault) {
    if (!(fault instanceof MillraceError)) throw fault;
    throw damagedObject(segment, position, fault.message, fault);
  }
}

export function damagedObject(
  segment: Segment,
  position: number,
  problem: string,
  cause?: unknown,
): StorageFault {
  const message = `Object ${segment.objectKey} is damaged at byte ${position} of ${segment.bytes}: ${problem}`;
  return new StorageFault('damaged', message, { cause });
}
