import { MillraceError } from '../../errors.ts';
import type { Clock } from '../../storage/clock.ts';
import { type Bell, createBell } from '../bell.ts';
import type { Deliveries } from './deliveries.ts';

/** Where the consumer's loop waits for records. */
export interface LoopGate {
  /** Rings when the loop has something to look at. */
  readonly changed: Bell;
  /** Rings when the loop asks for more, or ends. */
  readonly asked: Bell;
  /** INVALID_REQUEST if there is a loop already. */
  begin(): void;
  end(): void;
  isLooping(): boolean;
  isAsking(): boolean;
  /** How long ago the loop last asked; 0 while it waits. */
  silentMs(): number;
  /** The loop throws it when it asks next; of several the first. */
  fail(error: unknown): void;
  forgetFailure(): void;
  /** At once, if there is one. */
  throwFailure(): void;
  /** What `take` gives as soon as it gives something; undefined once `isOver` says so. */
  next<T>(options: {
    readonly isOver: () => Promise<boolean>;
    readonly take: () => T | undefined;
  }): Promise<T | undefined>;
}

export function createLoopGate(clock: Clock, deliveries: Deliveries): LoopGate {
  const changed = createBell();
  const asked = createBell();
  let failure: { readonly error: unknown } | undefined;
  let isLooping = false;
  let isAsking = false;
  let lastAskedMs = clock.monotonicMs();

  const throwFailure = (): void => {
    if (failure === undefined) return;
    const { error } = failure;
    failure = undefined;
    throw error;
  };

  return {
    changed,
    asked,
    begin: () => {
      if (isLooping) {
        const hint = 'end it first, or make another consumer';
        throw new MillraceError('INVALID_REQUEST', `Another loop reads from this consumer: ${hint}`);
      }
      isLooping = true;
      failure = undefined;
      deliveries.takeBack();
    },
    end: () => {
      isLooping = false;
      deliveries.leave();
      asked.ring();
      // It may have been left while it waited.
      changed.ring();
    },
    isLooping: () => isLooping,
    isAsking: () => isAsking,
    silentMs: () => (isAsking ? 0 : clock.monotonicMs() - lastAskedMs),
    fail: (error) => {
      failure ??= { error };
      changed.ring();
    },
    forgetFailure: () => {
      failure = undefined;
    },
    throwFailure,
    next: async ({ isOver, take }) => {
      deliveries.finish();
      isAsking = true;
      asked.ring();
      try {
        while (!(await isOver())) {
          throwFailure();
          const value = take();
          if (value !== undefined) return value;
          await changed.next();
        }
        return undefined;
      } finally {
        isAsking = false;
        lastAskedMs = clock.monotonicMs();
      }
    },
  };
}
