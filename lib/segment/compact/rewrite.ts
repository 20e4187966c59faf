import type { EngineParts } from '../../engine-parts.ts';
import { readingStored } from '../../partition/faults.ts';
import type { BatchIn } from '../../record/batches-in.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { BatchHeader } from '../../record/header.ts';
import { NULL_LENGTH } from '../../record/record.ts';
import type { Rules } from '../../rules.ts';
import type { Call } from '../../storage/call.ts';
import { describeSegment, type SegmentContent } from '../describe-segment.ts';
import { growingBytes } from '../growing-bytes.ts';
import type { Segment } from '../segment-item.ts';
import type { LastBatches } from './last-batches.ts';
import type { OffsetMap } from './offset-map.ts';
import { emptiedBatch, type Retain, rewriteBatch } from './rewrite-batch.ts';
import { segmentBatches } from './segment-batches.ts';
import type { Survivors } from './survivors.ts';

/** What a pass knows of the log below `mapEnd`. */
export interface Knowledge {
  readonly map: OffsetMap;
  readonly producers: LastBatches;
  /** Where the dirty stretch begins that the map is about. */
  readonly from: number;
  readonly mapEnd: number;
  readonly survivors: Survivors;
  /** Tombstones below this offset may go. */
  readonly tombstoneEnd: number;
  readonly nowMs: number;
}

export type RewrittenSegment =
  | { readonly kind: 'same' }
  | { readonly kind: 'changed'; readonly bytes: Uint8Array; readonly content: SegmentContent };

type Dependencies = Pick<EngineParts, 'bucket' | 'codecs' | 'rules'>;

/**
 * A segment without what compaction takes. Holds the new object's bytes and a window of the old one's. Throws
 * `StorageFault` (`damaged` with the object's name).
 */
export async function rewriteSegment(
  deps: Dependencies,
  segment: Segment,
  knowledge: Knowledge,
  call: Call,
): Promise<RewrittenSegment> {
  const out = growingBytes(segment.bytes);
  const description = describeSegment(segment.baseOffset);
  const retained = retention(deps.rules, knowledge);
  let isChanged = false;
  const rewriteWindow = async (window: readonly BatchIn[]): Promise<void> => {
    for (const batch of window) {
      const left = leftOf(deps.codecs, batch, retained, knowledge);
      isChanged ||= left !== batch;
      if (left === undefined) continue;
      out.append(left.bytes);
      description.add(datedHeader(left.header));
    }
  };
  for await (const window of segmentBatches(deps, segment, segment.baseOffset, call)) {
    await readingStored(`Object ${segment.objectKey}`, () => rewriteWindow(window));
  }
  if (!isChanged) return { kind: 'same' };
  const mayHaveGaps = segment.hasGaps === true;
  const content = { ...description.finish({ mayHaveGaps }), endOffset: segment.endOffset };
  return { kind: 'changed', bytes: out.view(), content };
}

/** What stays, record by record, and where the bits alone can tell. */
interface Retention {
  readonly retain: Retain;
  readonly survivors: Survivors | undefined;
}

/** Kafka's rules: what is newest of its key stays, tombstones for their time; records without a key go. */
function retention(rules: Rules, knowledge: Knowledge): Retention {
  const { map, mapEnd } = knowledge;
  const tombstoneEnd = rules.tombstoneHorizon ? knowledge.tombstoneEnd : mapEnd;
  const newestGoes = rules.compactionKeepsNewest ? 0 : 1;
  // Tombstones that may go lie below the dirty stretch: it was not clean until now.
  const bitsTell = newestGoes === 0 && tombstoneEnd <= knowledge.from;
  const known = bitsTell ? knowledge.survivors : undefined;
  const retain: Retain = ({ section, keyAt, keyBytes, valueBytes }, offset) => {
    if (offset >= mapEnd) return true;
    if (known !== undefined && offset >= known.from && offset < known.end) return known.has(offset);
    if (keyBytes === NULL_LENGTH) return false;
    const newest = map.newest(section, keyAt, keyBytes);
    if (newest !== undefined && offset < newest + newestGoes) return false;
    return valueBytes !== NULL_LENGTH || offset >= tombstoneEnd;
  };
  return { retain, survivors: known };
}

/** The same object if nothing changes, undefined if nothing is left. Control batches stay: they end transactions. */
function leftOf(
  codecs: Codecs,
  batch: BatchIn,
  retention: Retention,
  { producers, mapEnd, nowMs }: Knowledge,
): BatchIn | undefined {
  const { header } = batch;
  if (header.baseOffset >= mapEnd || header.isControl) return batch;
  const rewritten = atAGlance(header, retention.survivors) ?? rewriteBatch(codecs, batch, retention.retain);
  if (rewritten.kind === 'same') return batch;
  if (rewritten.kind === 'changed') return rewritten.batch;
  if (!producers.isNeeded(header, nowMs)) return undefined;
  return header.recordCount === 0 ? batch : emptiedBatch(codecs, header);
}

/** Undefined where the batch has to be opened. */
function atAGlance(
  { baseOffset, lastOffsetDelta, recordCount }: BatchHeader,
  survivors: Survivors | undefined,
): { readonly kind: 'same' | 'empty' } | undefined {
  const endOffset = baseOffset + lastOffsetDelta + 1;
  if (survivors === undefined || baseOffset < survivors.from || endOffset > survivors.end) return undefined;
  const count = survivors.countIn(baseOffset, endOffset);
  if (count === 0) return { kind: 'empty' };
  return count === recordCount ? { kind: 'same' } : undefined;
}

/** What a header without records says of time is no record's. */
function datedHeader(header: BatchHeader): BatchHeader {
  if (header.recordCount > 0) return header;
  return { ...header, baseTimestampMs: Number.POSITIVE_INFINITY, maxTimestampMs: -1 };
}
