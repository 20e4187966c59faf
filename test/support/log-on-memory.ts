import { memoryBucket, memoryTable } from '../../lib/adapters/memory/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import { type ErrorCode, MillraceError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { type LogOptions, openLog } from '../../lib/open-log.ts';
import { type Codecs, decodeBatch, encodeBatch, loadCodecs, type NewRecord } from '../../lib/record/index.ts';
import type { Call } from '../../lib/storage/call.ts';
import type { Clock } from '../../lib/storage/clock.ts';
import { Meter } from '../../lib/storage/meter.ts';

export const codecs: Codecs = await loadCodecs();

/** One shared storage; open as many logs (processes) on it as a test needs. */
export function memoryStorage(clock: Clock = systemClock()): LogOptions {
  return {
    hot: memoryTable<number>({ clock }),
    catalog: memoryTable<string>({ clock }),
    bucket: memoryBucket({ clock }),
    clock,
    random: systemRandom(),
    codecs,
  };
}

export function newCall(clock: Clock, options: { readonly ms?: number } = {}): Call {
  return { meter: new Meter(), deadlineMs: clock.monotonicMs() + (options.ms ?? 10_000) };
}

/** The code of the error a call ends with, or `none`. */
export async function refusal(work: Promise<unknown>): Promise<ErrorCode | 'none'> {
  try {
    await work;
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return 'none';
}

export async function openMemoryLog(storage: LogOptions = memoryStorage()): Promise<Log> {
  return openLog(storage, newCall(storage.clock));
}

export function textRecord(value: string, options: Partial<NewRecord> = {}): NewRecord {
  return { key: null, value: Buffer.from(value), headers: [], timestampMs: 1_700_000_000_000, ...options };
}

export function batchOf(...values: readonly string[]): Uint8Array {
  return encodeBatch(
    codecs,
    values.map((value) => textRecord(value)),
    { compression: 'none' },
  );
}

/** Offsets and values, as `offset:value`. */
export function textOf(batches: readonly Uint8Array[]): string[] {
  return batches.flatMap((batch) =>
    decodeBatch(codecs, batch).map(
      ({ offset, value }) => `${offset}:${value === null ? '∅' : Buffer.from(value)}`,
    ),
  );
}
