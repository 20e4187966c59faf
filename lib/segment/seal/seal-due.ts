import { appendedMs, type Chunk, chunkFromItem } from '../../partition/chunk.ts';
import { producersEndAt } from '../../producer/chunk-producers.ts';
import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import type { Table } from '../../storage/table.ts';

export interface SealSettings {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly hotRetentionMs: number;
}

/** The two ends of what is unsealed. */
export interface Unsealed {
  readonly oldest: Chunk;
  readonly newestEndOffset: number;
  /** The end of the last chunk with producer ids, if one of them may be unsealed. */
  readonly producersEnd: number | undefined;
  /** At the end of the newest. */
  readonly origins: Chunk['origins'];
  readonly observation: Observation;
  /** Exact for one chunk or two. */
  readonly bytesEstimate: number;
}

/**
 * The oldest and the newest unsealed chunk: at most two small reads, however much lies between them, and one if nothing
 * does. Counting the bytes would mean reading them, and paying for that at every look until they are due; so they are
 * taken from the bytes per offset of these two. A wrong guess is harmless: too low, and the age makes them due; too high,
 * and they are read once in vain or sealed a little early. Undefined: nothing is unsealed.
 */
export async function lookAtUnsealed(
  hot: Table<number>,
  { pk, sealedEnd }: { readonly pk: string; readonly sealedEnd: number },
  call: Call,
): Promise<Unsealed | undefined> {
  const last = await hot.query(pk, { from: sealedEnd, reverse: true, limit: 1, consistent: true }, call);
  const newest = last.items[0] === undefined ? undefined : chunkFromItem(last.items[0]);
  if (newest === undefined || newest.endOffset <= sealedEnd) return undefined;
  const { endOffset } = newest;
  const { observation } = last;
  const told = { producersEnd: producersEndAt(newest), origins: newest.origins };
  const seen = { newestEndOffset: endOffset, ...told, observation };
  if (newest.baseOffset === sealedEnd) {
    return { ...seen, oldest: newest, bytesEstimate: chunkBytes(newest) };
  }
  const first = await hot.query(pk, { from: sealedEnd, limit: 1, consistent: true }, call);
  const oldest = first.items[0] === undefined ? newest : chunkFromItem(first.items[0]);
  const bytes = chunkBytes(oldest) + chunkBytes(newest);
  const offsets = oldest.endOffset - oldest.baseOffset + (newest.endOffset - newest.baseOffset);
  return { ...seen, oldest, bytesEstimate: (bytes / offsets) * (endOffset - sealedEnd) };
}

export function isDueByAge(oldest: Chunk, settings: SealSettings, nowMs: number): boolean {
  const ageMs = nowMs - appendedMs(oldest, settings.hotRetentionMs);
  return ageMs >= Math.min(settings.segmentMs, settings.hotRetentionMs / 7);
}

export function chunkBytes({ body }: Chunk): number {
  if (body.kind === 'inline') return body.bytes.length;
  return body.kind === 'spilled' ? body.span.length : 0;
}
