import { describe, expect, it } from 'vitest';
import { createGathering } from '../../../lib/local/gathering.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Settled or not, seen from outside. */
function watch(promise: Promise<void>): { done: boolean } {
  const seen = { done: false };
  void promise.then(() => {
    seen.done = true;
  });
  return seen;
}

describe('gathering requests that arrive together', () => {
  it('lasts one turn of the event loop when nothing arrives', async () => {
    const { gather } = createGathering();
    const seen = watch(gather());
    await Promise.resolve();
    expect(seen.done).toBe(false);
    await turn();
    expect(seen.done).toBe(true);
  });

  it('goes on while requests arrive, and is shared by all who wait', async () => {
    const { arrived, gather } = createGathering();
    const first = watch(gather());
    for (let count = 0; count < 5; count += 1) {
      arrived();
      await turn();
      expect(first.done).toBe(false);
    }
    const second = watch(gather());
    await turn();
    expect([first.done, second.done]).toEqual([true, true]);
  });

  it('ends after a bounded number of turns, however many requests arrive', async () => {
    const { arrived, gather } = createGathering(3);
    const seen = watch(gather());
    for (let count = 0; count < 3; count += 1) {
      arrived();
      await turn();
    }
    expect(seen.done).toBe(true);
  });

  it('begins anew afterwards', async () => {
    const { gather } = createGathering();
    await gather();
    const again = watch(gather());
    await Promise.resolve();
    expect(again.done).toBe(false);
    await turn();
    expect(again.done).toBe(true);
  });
});
