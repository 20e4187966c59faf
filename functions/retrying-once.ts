/** Does the work once for all callers, with what the first of them gave; after a failure the next one tries again. */
export function retryingOnce<A extends readonly unknown[], T>(
  work: (...args: A) => Promise<T>,
): (...args: A) => Promise<T> {
  let running: Promise<T> | undefined;
  return (...args) => {
    running ??= work(...args).catch((error: unknown) => {
      running = undefined;
      throw error;
    });
    return running;
  };
}
