import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';

describe('the system clock', () => {
  it('never wakes early', async () => {
    const clock = systemClock();
    for (const ms of [0, 0.3, 1, 5]) {
      const from = clock.monotonicMs();
      await clock.sleep(ms);
      expect(clock.monotonicMs() - from).toBeGreaterThanOrEqual(ms);
    }
  });

  it('wakes with the reason when the signal is aborted, before and during the sleep', async () => {
    const clock = systemClock();
    const reason = new Error('enough');
    await expect(clock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });
});

describe('system randomness', () => {
  it('ids are 16 and uuids 22 base64url characters, and none comes twice', () => {
    const random = systemRandom();
    const ids = Array.from({ length: 5_000 }, () => random.id());
    const uuids = Array.from({ length: 5_000 }, () => random.uuid());
    expect(ids.every((id) => /^[A-Za-z0-9_-]{16}$/.test(id))).toBe(true);
    expect(uuids.every((id) => /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/.test(id))).toBe(true);
    expect(new Set([...ids, ...uuids]).size).toBe(10_000);
  });

  it('numbers are spread over [0, 1)', () => {
    const random = systemRandom();
    const draws = Array.from({ length: 10_000 }, () => random.next());
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    // The mean of 10,000 even draws has a standard deviation of 0.003; ten of them are left.
    const mean = draws.reduce((a, b) => a + b) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
  });
});
