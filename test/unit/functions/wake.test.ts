import { describe, expect, it } from 'vitest';
import { observer } from '../../../functions/observer.ts';
import { WAKE_EVERY_MS, wakeFunction } from '../../../functions/wake-function.ts';
import { virtualClock } from '../storage/virtual-clock.ts';
import { consoleLines } from './console-lines.ts';

const written = consoleLines();

function waker(...targets: readonly (() => Promise<void>)[]) {
  const clock = virtualClock();
  const watching = observer({ service: 'waker', logSampleRate: 0, random: () => 0 });
  return { clock, handler: wakeFunction({ wake: targets, clock, observer: watching }) };
}

function counting(): { readonly wake: () => Promise<void>; readonly count: () => number } {
  let calls = 0;
  const wake = async (): Promise<void> => {
    calls += 1;
  };
  return { wake, count: () => calls };
}

describe('the function that wakes replicators', () => {
  it('calls each of them once for any number of events in two seconds', async () => {
    const [first, second] = [counting(), counting()];
    const { clock, handler } = waker(first.wake, second.wake);
    for (let event = 0; event < 10; event += 1) await handler({});
    expect([first.count(), second.count()]).toEqual([1, 1]);

    await clock.sleep(WAKE_EVERY_MS);
    await handler({});
    expect([first.count(), second.count()]).toEqual([2, 2]);
  });

  it('that could not call one fails, has called the others, and calls only that one again', async () => {
    const good = counting();
    let failures = 1;
    const { handler } = waker(async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('no such region');
    }, good.wake);

    await expect(handler({})).rejects.toThrow('no such region');
    expect(written.lines).toContainEqual(
      expect.objectContaining({ message: 'a replicator could not be woken' }),
    );
    await handler({});
    expect([failures, good.count()]).toEqual([-1, 1]);
  });
});
