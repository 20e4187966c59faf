import { type Expiry, REMOVALS_MAX } from '../adapters/sqlite/expiry.ts';
import { LIMITS } from '../limits.ts';
import type { EngineParts } from '../partition/partitions.ts';
import { sealDue } from '../segment/maintenance.ts';
import type { Clock } from '../storage/clock.ts';
import { Meter } from '../storage/meter.ts';

export interface Upkeep {
  /** Ends it; a round that is under way stops after the partition it is at. */
  stop(): Promise<void>;
}

export interface UpkeepOptions {
  readonly parts: EngineParts;
  readonly expiry: Expiry;
  readonly clock: Clock;
  readonly everyMs?: number;
  readonly onFault: (doing: string, cause: unknown) => void;
}

const EVERY_MS = 60_000;

/**
 * What scheduled functions do on AWS: seals what is due, then removes what has expired. ⚑ Of the hot table only what
 * lies below a sealed end.
 */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  const over = new AbortController();
  const running = keepUp(options, over.signal);
  return {
    stop: () => {
      over.abort();
      return running;
    },
  };
}

async function keepUp(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const { clock, everyMs = EVERY_MS, onFault } = options;
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await oneRound(options, signal);
    } catch (cause) {
      onFault('upkeep failed; it is tried again', cause);
    }
  }
}

async function oneRound(
  { parts, expiry, clock, onFault }: UpkeepOptions,
  signal: AbortSignal,
): Promise<void> {
  const nowSeconds = Math.floor(clock.wallMs() / 1_000);
  const call = { meter: new Meter(), deadlineMs: clock.monotonicMs() + LIMITS.requestMsDefault, signal };
  const report = await sealDue(
    parts,
    {
      onSealedEnd: (pk, sealedEnd) => {
        if (sealedEnd > 0) return removeAll(() => expiry.removeHotBelow(pk, { sealedEnd, nowSeconds }));
      },
    },
    call,
  );
  for (const { topic, partition, reason } of report.failures) {
    onFault(`partition ${partition} of topic ${topic} could not be sealed`, reason);
  }
  await removeAll(() => expiry.removeExpired({ nowSeconds }));

  /** A part at a time, so that requests are served in between. */
  async function removeAll(removeSome: () => number): Promise<void> {
    while (removeSome() === REMOVALS_MAX && !signal.aborted) await clock.sleep(1);
  }
}
