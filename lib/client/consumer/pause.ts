import type { Clock } from '../../storage/clock.ts';
import type { Bell } from '../bell.ts';

/** Sleeps until the time is over, the bell rings, or the signal is aborted, whichever comes first. Leaves no timer behind. */
export async function sleepOrRing(
  clock: Clock,
  options: { readonly ms: number; readonly bell: Bell; readonly signal?: AbortSignal },
): Promise<void> {
  const { ms, bell, signal } = options;
  if (signal?.aborted === true) return;
  const over = new AbortController();
  const stop = (): void => over.abort();
  signal?.addEventListener('abort', stop, { once: true });
  await Promise.race([clock.sleep(ms, over.signal).catch(() => undefined), bell.next(over.signal)]);
  stop();
  signal?.removeEventListener('abort', stop);
}
