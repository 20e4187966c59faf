import type { Clock } from '../../lib/storage/clock.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduled, Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/**
 * A machine with clocks of its own that runs a part of the engine. Its code goes on only inside steps; a frozen process
 * keeps its steps until it thaws, a crashed one never takes another, so its pending promises never resume.
 */
export interface SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly state: 'running' | 'frozen' | 'crashed';
  /** Calls `act` in the process after `delayMs`, later if it is frozen then. */
  step(delayMs: number, act: () => void): Scheduled;
  /** As `step`, but on the monotonic clock, which may stand still meanwhile: a timer. */
  timer(delayMs: number, act: () => void): Scheduled;
  freeze(how: Freeze): void;
  crash(): void;
  /** Sets the wall clock forward or back. */
  stepWall(byMs: number): void;
  /** How far its wall clock was ever off true time. */
  readonly wallErrorMsMax: number;
  /** Resolves when the process crashes. */
  readonly gone: Promise<void>;
}

export interface Freeze {
  readonly ms: number;
  /** Whether each clock stands still meanwhile, as on a suspended or restored virtual machine. */
  readonly wallStands: boolean;
  readonly monotonicStands: boolean;
}

export interface ProcessOptions {
  readonly name: string;
  readonly wallSkewMs: number;
  /** Called before every step; may freeze or crash the process at this very await. */
  readonly beforeStep?: (process: SimProcess) => void;
}

interface Parked {
  readonly act: () => void;
  dropped: boolean;
}

export function createProcess(
  scheduler: Scheduler,
  random: SeededRandom,
  trace: Trace,
  options: ProcessOptions,
): SimProcess {
  let state: SimProcess['state'] = 'running';
  let wallOffsetMs = options.wallSkewMs;
  let wallErrorMsMax = Math.abs(wallOffsetMs);
  let monotonicOffsetMs = -scheduler.nowMs + random.between(0, 1e6);
  let frozenAtMs = 0;
  let freezing: Freeze | undefined;
  let parked: Parked[] = [];
  let markGone = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    markGone = resolve;
  });

  const wallMs = (): number =>
    Math.floor((freezing?.wallStands ? frozenAtMs : scheduler.nowMs) + wallOffsetMs);
  const monotonicMs = (): number =>
    (freezing?.monotonicStands ? frozenAtMs : scheduler.nowMs) + monotonicOffsetMs;

  const shiftWall = (byMs: number): void => {
    wallOffsetMs += byMs;
    wallErrorMsMax = Math.max(wallErrorMsMax, Math.abs(wallOffsetMs));
  };

  const take = (step: Parked): void => {
    if (step.dropped || state === 'crashed') return;
    if (state === 'running') options.beforeStep?.(self);
    if (state === 'running') step.act();
    else if (state === 'frozen') parked.push(step);
  };

  const step = (delayMs: number, act: () => void): Scheduled => {
    const waiting: Parked = { act, dropped: false };
    const event = scheduler.schedule(delayMs, () => take(waiting));
    return {
      cancel: () => {
        waiting.dropped = true;
        event.cancel();
      },
    };
  };

  const timer = (delayMs: number, act: () => void): Scheduled => {
    const dueMs = monotonicMs() + delayMs;
    const look = (): void => {
      const leftMs = dueMs - monotonicMs();
      if (leftMs < 0.01) act();
      else current = step(leftMs, look);
    };
    let current = step(delayMs, look);
    return { cancel: () => current.cancel() };
  };

  const thaw = (): void => {
    if (state !== 'frozen') return;
    const sleptMs = scheduler.nowMs - frozenAtMs;
    if (freezing?.wallStands) shiftWall(-sleptMs);
    if (freezing?.monotonicStands) monotonicOffsetMs -= sleptMs;
    freezing = undefined;
    state = 'running';
    trace.add({ kind: 'thaw', process: options.name, detail: '' });
    const resumed = parked;
    parked = [];
    for (const waiting of resumed) scheduler.schedule(random.between(0, 3), () => take(waiting));
  };

  const self: SimProcess = {
    name: options.name,
    random,
    gone,
    get state() {
      return state;
    },
    get wallErrorMsMax() {
      return wallErrorMsMax;
    },
    clock: { wallMs, monotonicMs, sleep: (ms, signal) => sleep(timer, ms, signal) },
    step,
    timer,
    freeze: (how) => {
      if (state !== 'running') return;
      state = 'frozen';
      freezing = how;
      frozenAtMs = scheduler.nowMs;
      trace.add({
        kind: 'freeze',
        process: options.name,
        detail: `${how.ms.toFixed(0)} ms${how.wallStands ? ', wall stands' : ''}${how.monotonicStands ? ', monotonic stands' : ''}`,
      });
      scheduler.schedule(how.ms, thaw);
    },
    crash: () => {
      if (state === 'crashed') return;
      state = 'crashed';
      parked = [];
      trace.add({ kind: 'crash', process: options.name, detail: '' });
      markGone();
    },
    stepWall: (byMs) => {
      shiftWall(byMs);
      trace.add({ kind: 'wall', process: options.name, detail: `stepped by ${byMs.toFixed(0)} ms` });
    },
  };
  return self;
}

function sleep(timer: SimProcess['timer'], ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      waiting.cancel();
      reject(signal?.reason);
    };
    const waiting = timer(Math.max(0, ms), () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
