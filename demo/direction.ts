import { type ProgressOptions, startProgress } from './progress.ts';
import { createTraffic, type Traffic, type TrafficCounter } from './traffic.ts';

/** A part of the work that is timed and billed by itself. */
export interface Direction {
  readonly traffic: Traffic;
  readonly seconds: number;
}

/** Runs it with progress on the standard output. `run` answers what it found wrong. */
export async function direction(
  options: ProgressOptions,
  run: (counter: TrafficCounter, onDone: (count: number) => void) => Promise<readonly string[]>,
): Promise<Direction & { readonly problems: readonly string[] }> {
  const counter = createTraffic();
  const progress = startProgress(process.stdout, options);
  const startedMs = performance.now();
  try {
    const problems = await run(counter, progress.add);
    return { traffic: counter.traffic, seconds: (performance.now() - startedMs) / 1_000, problems };
  } finally {
    progress.end();
  }
}
