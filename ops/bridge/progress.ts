import type { StoredRecord } from '../../lib/record/index.ts';
import type { Output } from '../verify-log.ts';
import { recordBytes } from './chunks.ts';

/** Tells people how far it is: at the start, with the first records, and every second. */
export interface Progress {
  copied(records: readonly StoredRecord[]): void;
  /** Records that are still to be copied, as far as is known. */
  behind(count: number): void;
  notice(text: string): void;
  end(): void;
}

const EVERY_MS = 1_000;
const MEGABYTE = 1_000_000;

export function createProgress(name: string, { line, progress }: Output): Progress {
  let records = 0;
  let bytes = 0;
  let lag = 0;
  let toldMs = -EVERY_MS;
  let hasToldFirst = false;
  let told = '';
  const text = (): string =>
    `${name}: ${records.toLocaleString('en')} records, ${(bytes / MEGABYTE).toFixed(1)} MB copied, ${lag.toLocaleString('en')} behind`;
  return {
    copied: (more) => {
      records += more.length;
      for (const record of more) bytes += recordBytes(record);
    },
    behind: (count) => {
      lag = count;
      const nowMs = performance.now();
      const isFirst = records > 0 && !hasToldFirst;
      if ((nowMs - toldMs < EVERY_MS && !isFirst) || text() === told) return;
      hasToldFirst = records > 0;
      toldMs = nowMs;
      told = text();
      progress(told);
    },
    notice: (notice) => progress(`${name}: ${notice}`),
    end: () => line(text()),
  };
}
