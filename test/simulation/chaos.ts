import { HOUR_MS, MINUTE_MS, SECOND_MS } from './durations.ts';
import type { SimProcess } from './process.ts';
import type { FreezeKind, Profile } from './profile.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Freezes, crashes and clock steps, drawn before every step that a process takes: at any await. */
export interface Chaos {
  readonly beforeStep: (process: SimProcess) => void;
  stop(): void;
}

export function createChaos(
  scheduler: Scheduler,
  random: SeededRandom,
  profile: Profile,
  eraStartsMs: readonly number[],
): Chaos {
  let left = profile.mishapsMax;
  const { freezeRate, crashRate, wallStepRate } = profile;

  const lengthMs = (kind: FreezeKind): number => {
    if (kind !== 'era') return freezeMs(kind, random);
    const later = eraStartsMs.filter((startMs) => startMs > scheduler.nowMs);
    if (later.length === 0) return freezeMs('moment', random);
    return random.pick(later) + random.next() ** 2 * 2_000 - scheduler.nowMs;
  };

  const freeze = (process: SimProcess): void => {
    process.freeze({
      ms: lengthMs(random.pick(profile.freezeKinds)),
      wallStands: random.chance(profile.wallStandsRate),
      monotonicStands: random.chance(profile.monotonicStandsRate),
    });
  };

  return {
    beforeStep: (process) => {
      if (random.chance(wallStepRate)) process.stepWall(wallStepMs(random));
      if (left === 0) return;
      const draw = random.next();
      if (draw >= freezeRate + crashRate) return;
      left--;
      if (draw < crashRate) process.crash();
      else freeze(process);
    },
    stop: () => {
      left = 0;
    },
  };
}

/** Mostly what a time service corrects; sometimes what an operator types. */
function wallStepMs(random: SeededRandom): number {
  const size = random.chance(0.7) ? random.between(1, 2_000) : random.between(10_000, 40 * 60_000);
  return random.chance(0.5) ? size : -size;
}

function freezeMs(kind: Exclude<FreezeKind, 'era'>, random: SeededRandom): number {
  switch (kind) {
    case 'moment':
      return random.between(50, 10 * SECOND_MS);
    case 'minutes':
      return random.between(20 * SECOND_MS, 3 * MINUTE_MS);
    case 'hours':
      return random.between(20 * MINUTE_MS, 3 * HOUR_MS);
    case 'day':
      return random.between(20 * HOUR_MS, 60 * HOUR_MS);
  }
}
