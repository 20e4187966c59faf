import type { Codecs } from '../../record/codecs.ts';
import { HttpError } from '../http-error.ts';
import type { EmbeddedFormat } from '../media-type.ts';
import { encodeList } from '../records-answer.ts';
import type { Gathered } from './collect.ts';
import type { ConsumerInstance, HeldPartition } from './instance.ts';

export interface EncodedAnswer {
  /** A JSON array. */
  readonly body: string;
  readonly recordCount: number;
  /** Where each partition goes on, in the order of what was gathered. */
  readonly nexts: readonly (number | undefined)[];
  /** How many places of the order have had their turn. */
  readonly turns: number;
}

/**
 * The records of all partitions as one JSON array of about `bytesMax`; one record goes out whatever its size. Each
 * partition may take an even share of what is left when it comes to it. Throws `HttpError` 408 for bytes that are not of
 * the format if there is nothing else to answer.
 */
export function encodeAnswer(
  codecs: Codecs,
  gathered: readonly Gathered[],
  options: { readonly format: EmbeddedFormat; readonly bytesMax: number },
): EncodedAnswer {
  const records: string[] = [];
  const nexts: (number | undefined)[] = [];
  let bytes = 2;
  let full = gathered.filter(({ batches }) => batches.length > 0).length;
  let turns: number | undefined;
  let undecodable: HttpError | undefined;
  for (const [index, partition] of gathered.entries()) {
    const share = full === 0 ? 0 : (options.bytesMax - bytes) / full;
    if (partition.batches.length > 0) full -= 1;
    const part = encodePart(codecs, partition, {
      ...options,
      bytesMax: share,
      mayBeEmpty: records.length > 0,
    });
    if (part.error !== undefined) undecodable ??= part.error;
    for (const record of part.records) {
      records.push(record);
      bytes += Buffer.byteLength(record) + 1;
    }
    nexts.push(part.next);
    if (part.records.length === 0 && isLeftOut(partition, part.next)) turns ??= index;
  }
  if (records.length === 0 && undecodable !== undefined) throw undecodable;
  return {
    body: `[${records.join(',')}]`,
    recordCount: records.length,
    nexts,
    turns: Math.max(1, turns ?? 1),
  };
}

/** Whether it had something, or was not even asked, and has got nothing into the answer. */
const isLeftOut = ({ error, isAtEnd, batches, from }: Gathered, next: number | undefined): boolean =>
  error === undefined && next === from && (batches.length > 0 || !isAtEnd);

interface Part {
  readonly records: readonly string[];
  readonly next: number | undefined;
  readonly error?: HttpError;
}

function encodePart(
  codecs: Codecs,
  { held, from, next, batches, read }: Gathered,
  options: { readonly format: EmbeddedFormat; readonly bytesMax: number; readonly mayBeEmpty: boolean },
): Part {
  if (batches.length === 0 || from === undefined || next === undefined) return { records: [], next };
  const { topic, partition } = held;
  try {
    const { records, nextOffset } = encodeList(codecs, {
      topic,
      partition,
      offset: from,
      batches,
      read,
      nextOffset: next,
      countMax: Number.POSITIVE_INFINITY,
      ...options,
    });
    return { records, next: nextOffset };
  } catch (error) {
    if (error instanceof HttpError) return { records: [], next: from, error };
    throw error;
  }
}

/** The instance once records that its group has read elsewhere have been passed over, where there was nothing else. */
export function afterPassing(instance: ConsumerInstance, gathered: readonly Gathered[]): ConsumerInstance {
  const passing = gathered.filter(({ behind }) => behind !== undefined);
  const nexts = passing.map(({ next }) => next);
  return afterAnswer(instance, passing, { body: '', recordCount: 0, nexts, turns: 0 });
}

/** From whom on the next read asks: everybody comes first once. */
export function fromTurn({ held, turn }: ConsumerInstance): readonly HeldPartition[] {
  const first = held.length === 0 ? 0 : turn % held.length;
  return [...held.slice(first), ...held.slice(0, first)];
}

/** The instance once the answer is out. The same one if nothing moved. */
export function afterAnswer(
  instance: ConsumerInstance,
  gathered: readonly Gathered[],
  { nexts, recordCount, turns }: EncodedAnswer,
): ConsumerInstance {
  const moved = new Map<HeldPartition, HeldPartition>();
  for (const [index, { held, behind }] of gathered.entries()) {
    const next = nexts[index];
    const { behind: before, ...rest } = held;
    if (next === held.next) continue;
    moved.set(held, { ...rest, next, ...(behind === undefined ? {} : { behind }) });
  }
  if (moved.size === 0) return instance;
  const held = instance.held.map((partition) => moved.get(partition) ?? partition);
  const turn = recordCount === 0 ? instance.turn : (instance.turn + turns) % Number.MAX_SAFE_INTEGER;
  return { ...instance, held, turn };
}
