/** Lets any number of waiters sleep until something has changed. */
export interface Bell {
  /** Wakes everybody who waits at this moment. */
  ring(): void;
  /** Resolves with the next ring, or when the signal is aborted. */
  next(signal?: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  const waiting = new Set<() => void>();
  return {
    ring: () => {
      for (const wake of [...waiting]) wake();
    },
    next: (signal) =>
      new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        waiting.add(wake);
        signal?.addEventListener('abort', wake);
        if (signal?.aborted === true) wake();
      }),
  };
}
