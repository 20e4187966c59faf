import { MillraceError } from '../errors.ts';
import {
  isAllRead,
  isWithin,
  type OffsetRange,
  type ReadBehind,
  seenBehind,
  vectorAt,
} from '../group/offsets/read-behind.ts';
import type { Vector } from '../groups.ts';
import type { Log } from '../log.ts';
import { type Codecs, decodeBatch, readBatchHeader } from '../record/index.ts';
import type { Call } from '../storage/call.ts';
import type { WantedPlace } from '../topic/wanted-place.ts';
import { callBytesOf, countForCall, type PushRecord } from './kafka-event.ts';
import type { PushError } from './push-plan.ts';

/** What stands next in a partition. */
export type SourceBatch =
  | { readonly kind: 'records'; readonly records: readonly PushRecord[]; readonly nextOffset: number }
  /** A batch whose records cannot be read, whoever tries. */
  | {
      readonly kind: 'unreadable';
      readonly firstOffset: number;
      readonly nextOffset: number;
      readonly error: PushError;
    }
  /** Nothing there yet; `nextOffset` is further on where offsets hold nothing to be sent. */
  | { readonly kind: 'nothing'; readonly nextOffset: number }
  /** What stood before `nextOffset` has been read elsewhere. */
  | { readonly kind: 'passed'; readonly nextOffset: number }
  /** Records that were not sent are gone: reading goes on at `nextOffset`. */
  | { readonly kind: 'moved'; readonly nextOffset: number };

export interface PushSource {
  /** Throws what `Log.fetch` throws, but for OFFSET_OUT_OF_RANGE. */
  next(call: Call): Promise<SourceBatch>;
  /** What the group has read behind an offset that was answered, for its commit. */
  vectorAt(offset: number): Vector | undefined;
}

export interface SourceParts {
  readonly log: Pick<Log, 'fetch' | 'listOffsets' | 'describePartition'>;
  readonly codecs: Codecs;
}

export interface SourceOptions {
  /** ⚑ With the topic's id: a topic that is made again under its name has other records. */
  readonly place: WantedPlace;
  readonly offset: number;
  /** What the group had read behind it. @default nothing */
  readonly behind?: ReadBehind | undefined;
  readonly batchSize: number;
  readonly batchBytes: number;
  /** Of one read of the log. */
  readonly fetchBytes: number;
}

/** Reads a partition from an offset on, in what one call of a function takes at a time. Reads ahead what one fetch brings. */
export function pushSource({ log, codecs }: SourceParts, options: SourceOptions): PushSource {
  const { place, batchSize, batchBytes, fetchBytes } = options;
  let position = options.offset;
  let { behind } = options;
  /** What of the fetched has been read. */
  let passed: readonly OffsetRange[] = [];
  /** Fetched, not decoded yet. */
  let batches: Uint8Array[] = [];
  /** Decoded, not answered yet; `decodedEnd` is the offset behind them. */
  let records: PushRecord[] = [];
  let decodedEnd = position;

  const isFull = (): boolean => countForCall(records, { batchSize, batchBytes }) < records.length;

  /** Decodes as much as a call takes. Answers the batch that cannot be read, if that stands first. */
  const decode = (): SourceBatch | undefined => {
    for (let [bytes] = batches; bytes !== undefined && !isFull(); [bytes] = batches) {
      const read = recordsOf(codecs, bytes, { topic: place.topic, from: decodedEnd, passed });
      const firstOffset = decodedEnd;
      if (read.kind === 'unreadable' && records.length > 0) return undefined;
      batches = batches.slice(1);
      decodedEnd = Math.max(decodedEnd, read.end);
      if (read.kind === 'records') {
        records = records.concat(read.records);
      } else {
        position = decodedEnd;
        return { kind: 'unreadable', firstOffset, nextOffset: decodedEnd, error: read.error };
      }
    }
    return undefined;
  };

  const take = (): SourceBatch => {
    const count = countForCall(records, { batchSize, batchBytes });
    const taken = records.slice(0, count);
    records = records.slice(count);
    position = records[0]?.offset ?? decodedEnd;
    if (taken.length > 0) return { kind: 'records', records: taken, nextOffset: position };
    return { kind: passed.length > 0 ? 'passed' : 'nothing', nextOffset: position };
  };

  const fetch = async (call: Call): Promise<void> => {
    const { nextOffset, foreign, ...read } = await log.fetch(
      { ...place, offset: position, maxBytes: fetchBytes },
      call,
    );
    const range = { from: position, nextOffset, ...(foreign === undefined ? {} : { foreign }) };
    const seen = behind === undefined ? undefined : seenBehind(behind, range);
    passed = seen?.read ?? [];
    behind = seen?.behind;
    batches = [...read.batches];
    if (batches.length === 0) position = decodedEnd = Math.max(position, nextOffset);
  };

  return {
    next: async (call) => {
      if (records.length === 0 && batches.length === 0) {
        try {
          await fetch(call);
        } catch (error) {
          if (!(error instanceof MillraceError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
          position = decodedEnd = await backOnTheLog(log, place, position, call);
          behind = undefined;
          return { kind: 'moved', nextOffset: position };
        }
      }
      return decode() ?? take();
    },
    vectorAt: (offset) => vectorAt(behind, offset),
  };
}

type ReadBatch =
  | { readonly kind: 'records'; readonly records: readonly PushRecord[]; readonly end: number }
  | { readonly kind: 'unreadable'; readonly error: PushError; readonly end: number };

/** The records of one batch that stand at `from` or behind. */
function recordsOf(
  codecs: Codecs,
  bytes: Uint8Array,
  {
    topic,
    from,
    passed,
  }: { readonly topic: string; readonly from: number; readonly passed: readonly OffsetRange[] },
): ReadBatch {
  const { baseOffset, lastOffsetDelta, isControl, timestampType } = readBatchHeader(bytes);
  const end = baseOffset + lastOffsetDelta + 1;
  const isPassed = isAllRead(passed, { from: Math.max(from, baseOffset), to: end });
  if (isControl || end <= from || isPassed) return { kind: 'records', records: [], end };
  try {
    const records = decodeBatch(codecs, bytes)
      .filter(({ offset }) => offset >= from && !isWithin(passed, offset))
      .map((record) => ({ ...record, timestampType, callBytes: callBytesOf(topic, record) }));
    return { kind: 'records', records, end };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { kind: 'unreadable', error: { type: error.code, message: error.message }, end };
  }
}

/**
 * Where to go on when the log has no such offset. Retention has passed it: at the log's start. The log was restored to an
 * earlier time and is shorter now: where its newest leader epoch begins, because offsets from there on are other records.
 */
async function backOnTheLog(
  log: SourceParts['log'],
  place: WantedPlace,
  position: number,
  call: Call,
): Promise<number> {
  const [earliest, latest, { leaderEpochs }] = await Promise.all([
    log.listOffsets({ ...place, at: 'earliest' }, call),
    log.listOffsets({ ...place, at: 'latest' }, call),
    log.describePartition(place, call),
  ]);
  if (position < earliest.offset) return earliest.offset;
  if (position <= latest.offset) return position;
  const restored = leaderEpochs.at(-1)?.startOffset ?? latest.offset;
  return Math.max(earliest.offset, Math.min(restored, latest.offset));
}
