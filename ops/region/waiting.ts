import type { Output } from '../verify-log.ts';

export interface Waiting {
  readonly waitMs: number;
  readonly sleep: (ms: number) => Promise<void>;
}

const LOOK_MS = 1_000;

/** Looks again and again until nothing is left, or time is up; answers what was left then. `told` is for people. */
export async function awaitNone<T>(
  look: () => Promise<readonly T[]>,
  told: (left: readonly T[]) => string,
  { waitMs, sleep }: Waiting,
  { progress }: Pick<Output, 'progress'>,
): Promise<readonly T[]> {
  let last = '';
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const left = await look();
    if (left.length === 0 || waitedMs >= waitMs) return left;
    const text = told(left);
    if (text !== last) progress(text);
    last = text;
    await sleep(LOOK_MS);
  }
}

const TOLD_MAX = 20;

/** A line each, of the first ones. */
export function tellSome<T>(all: readonly T[], line: (one: T) => string, what: string, output: Output): void {
  for (const one of all.slice(0, TOLD_MAX)) output.line(line(one));
  if (all.length > TOLD_MAX) output.line(`… and ${all.length - TOLD_MAX} more ${what}`);
}
