import type { Scheduler } from './scheduler.ts';

/** What happened, for people: kept as values and put into words only when a run fails. */
export interface TraceEntry {
  readonly kind: string;
  readonly process: string;
  readonly detail: string | (() => string);
}

export interface TimedEntry extends TraceEntry {
  readonly atMs: number;
}

export interface Trace {
  readonly entries: readonly TimedEntry[];
  add(entry: TraceEntry): void;
}

export function createTrace(scheduler: Scheduler): Trace {
  const entries: TimedEntry[] = [];
  return {
    entries,
    add: (entry) => {
      entries.push({ ...entry, atMs: scheduler.nowMs });
      scheduler.mix(entry.kind);
      scheduler.mix(entry.process);
    },
  };
}

/** `+1d 02:03:04.567` since the run began. */
export function sinceText(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  const rest = new Date(Math.max(0, ms % 86_400_000)).toISOString().slice(11, 23);
  return `+${days}d ${rest}`;
}

export function entryText(entry: TimedEntry, startMs: number): string {
  const detail = typeof entry.detail === 'string' ? entry.detail : entry.detail();
  return `${sinceText(entry.atMs - startMs)} ${entry.process.padEnd(8)} ${entry.kind} ${detail}`.trimEnd();
}
