import { MillraceError } from '../../errors.ts';
import type { ConsumerCore } from './core.ts';

/** One loop over what `take` gives, until the consumer is closed. */
export function iterate<T>(core: ConsumerCore, take: () => T | undefined): AsyncIterator<T> {
  const done = { done: true, value: undefined } as const;
  let state: 'new' | 'looping' | 'over' = 'new';
  const end = (): void => {
    const wasLooping = state === 'looping';
    state = 'over';
    if (wasLooping) core.loopEnded();
  };
  const next = async (): Promise<IteratorResult<T>> => {
    if (state === 'over') return done;
    if (state === 'new') {
      core.loopBegins();
      state = 'looping';
    }
    try {
      const value = await core.nextOf(take, () => state === 'over');
      if (value !== undefined) return { done: false, value };
      end();
      return done;
    } catch (error) {
      end();
      throw error;
    }
  };
  let isAsking = false;
  return {
    next: async () => {
      if (isAsking)
        throw new MillraceError(
          'INVALID_REQUEST',
          'The loop has not been given the last record it asked for yet',
        );
      isAsking = true;
      try {
        return await next();
      } finally {
        isAsking = false;
      }
    },
    return: async () => {
      end();
      return done;
    },
  };
}
