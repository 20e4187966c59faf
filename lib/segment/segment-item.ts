import { type Origins, originsFromAttribute, originsToAttribute } from '../partition/origins.ts';
import { ITEM_FORMAT, ItemReader, MERGED_FORMAT } from '../storage/format.ts';
import type { Item } from '../storage/table.ts';
import { type ForeignStretch, stretchesFromAttribute, stretchesToAttribute } from './foreign-stretches.ts';

/** A sealed stretch of a partition: one object that is a valid Kafka `.log` file, and the item that refers to it. */
export interface Segment {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly version: string;
  /**
   * Undefined where no record is left: retention took the object of the last segment, whose item stays because it is the
   * chain's end, or compaction removed every record. Readers go on at `endOffset`.
   */
  readonly objectKey: string | undefined;
  /** Of the object; 0 without one. */
  readonly bytes: number;
  /** Smallest and largest timestamp of what was sealed; -1 if unknown. */
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  /** Set on copies of sources with holes: there are no records at some offsets before and between the batches. */
  readonly hasGaps?: true;
  /** What of it was copied from other regions, ascending; absent if nothing was. At most `LIMITS.segmentStretchesMax`. */
  readonly foreign?: readonly ForeignStretch[];
  /** ⚑ How far the log has the records of other regions, as of the segment's end; absent if it has none of them. */
  readonly origins?: Origins;
  /** Ascending in all three; the first entry is the first batch. */
  readonly index: readonly SegmentIndexEntry[];
}

/** Sparse: the batch that begins at byte `position`. */
export interface SegmentIndexEntry {
  readonly offset: number;
  readonly position: number;
  /** Largest timestamp of this batch and of all before it. */
  readonly maxTimestampMs: number;
}

export const SEGMENT_PREFIX = 'seg#';
/** Sorts behind every segment, so that one reverse query finds the log start and the last segment. */
export const LOG_START_KEY = 'start';

export function segmentSortKey(baseOffset: number): string {
  return `${SEGMENT_PREFIX}${String(baseOffset).padStart(20, '0')}`;
}

/** What the keys of all segments of a topic begin with. */
export function segmentObjectPrefix(topicId: string): string {
  return `segments/${topicId}/`;
}

export function segmentObjectKey(pk: string, id: string, baseOffset: number): string {
  return `segments/${pk.replace(':', '/')}/${id}/${segmentFileName(baseOffset)}`;
}

/** As Kafka names them: its tools read the base offset out of the name. */
export function segmentFileName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, '0')}.log`;
}

const ENTRY_BYTES = 24;

/* Index entry, 24 bytes, big endian: offset f64 | position f64 | maxTimestampMs f64 */
function encodeIndex(index: readonly SegmentIndexEntry[]): Uint8Array {
  const encoded = new Uint8Array(index.length * ENTRY_BYTES);
  const view = new DataView(encoded.buffer);
  index.forEach((entry, i) => {
    view.setFloat64(i * ENTRY_BYTES, entry.offset);
    view.setFloat64(i * ENTRY_BYTES + 8, entry.position);
    view.setFloat64(i * ENTRY_BYTES + 16, entry.maxTimestampMs);
  });
  return encoded;
}

function decodeIndex(encoded: Uint8Array): SegmentIndexEntry[] {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  return Array.from({ length: Math.floor(encoded.length / ENTRY_BYTES) }, (_, i) => ({
    offset: view.getFloat64(i * ENTRY_BYTES),
    position: view.getFloat64(i * ENTRY_BYTES + 8),
    maxTimestampMs: view.getFloat64(i * ENTRY_BYTES + 16),
  }));
}

/*
 * Item layout in the catalog: pk = topicId:partition, sk = seg#<base offset, 20 digits>, and
 *
 *   f  format number   e  end offset   o  object key, if any   s  bytes   a, m  smallest and largest timestamp, ms
 *   d  sparse index   k  true where offsets are missing that were never there
 *   g  stretches of other regions (foreign-stretches.ts)   u  origins; with either of them the format is 2
 */
export function segmentToItem(pk: string, segment: Segment): Item<string> {
  return {
    pk,
    sk: segmentSortKey(segment.baseOffset),
    version: segment.version,
    attributes: {
      f: segment.origins === undefined ? ITEM_FORMAT : MERGED_FORMAT,
      e: segment.endOffset,
      ...(segment.objectKey === undefined ? {} : { o: segment.objectKey }),
      s: segment.bytes,
      a: segment.firstTimestampMs,
      m: segment.maxTimestampMs,
      d: encodeIndex(segment.index),
      ...(segment.hasGaps === true ? { k: true } : {}),
      ...(segment.foreign === undefined ? {} : { g: stretchesToAttribute(segment.foreign) }),
      ...(segment.origins === undefined ? {} : { u: originsToAttribute(segment.origins) }),
    },
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function segmentFromItem(item: Item<string>): Segment {
  const read = new ItemReader('segment', item, MERGED_FORMAT);
  return {
    baseOffset: Number(item.sk.slice(SEGMENT_PREFIX.length)),
    endOffset: read.number('e'),
    version: item.version,
    objectKey: read.has('o') ? read.string('o') : undefined,
    bytes: read.number('s'),
    firstTimestampMs: read.number('a'),
    maxTimestampMs: read.number('m'),
    index: decodeIndex(read.bytes('d')),
    ...(read.has('k') ? { hasGaps: true } : {}),
    ...(read.has('g') ? { foreign: stretchesFromAttribute(read.list('g')) } : {}),
    ...(read.has('u') ? { origins: originsFromAttribute(read.list('u')) } : {}),
  };
}
