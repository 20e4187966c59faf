import { describe, expect, it } from 'vitest';
import { createProcess, type SimProcess } from './process.ts';
import { seededRandom } from './random.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createTrace } from './trace.ts';

const START_MS = 1_000_000;

function newScheduler(seed = 1): Scheduler {
  return createScheduler(seededRandom(seed), START_MS);
}

async function runAll(scheduler: Scheduler): Promise<void> {
  await scheduler.run(() => false, { eventsMax: 100_000 });
}

describe('the scheduler', () => {
  it('runs events in the order of their time, whatever the order they came in', async () => {
    const scheduler = newScheduler();
    const seen: number[] = [];
    for (const delayMs of [30, 10, 20, 0]) scheduler.schedule(delayMs, () => seen.push(delayMs));
    await runAll(scheduler);
    expect(seen).toEqual([0, 10, 20, 30]);
    expect(scheduler.nowMs).toBe(START_MS + 30);
  });

  it('orders events of one moment by the seed', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const scheduler = newScheduler(seed);
      const seen: number[] = [];
      for (let i = 0; i < 4; i++) scheduler.schedule(5, () => seen.push(i));
      await runAll(scheduler);
      orders.add(seen.join());
    }
    expect(orders.size).toBeGreaterThan(5);
  });

  it('lets every promise go as far as it can between two events', async () => {
    const scheduler = newScheduler();
    const seen: string[] = [];
    scheduler.schedule(1, () => {
      void (async () => {
        for (let i = 0; i < 50; i++) await null;
        seen.push('chain');
      })();
    });
    scheduler.schedule(1.001, () => seen.push('next event'));
    await runAll(scheduler);
    expect(seen).toEqual(['chain', 'next event']);
  });

  it('never runs an event that was cancelled', async () => {
    const scheduler = newScheduler();
    let ran = false;
    scheduler
      .schedule(1, () => {
        ran = true;
      })
      .cancel();
    await runAll(scheduler);
    expect(ran).toBe(false);
  });

  it('counts what it ran, however long the chain of events', async () => {
    const scheduler = newScheduler();
    let count = 0;
    const again = (): void => {
      if (++count < 20_000) scheduler.schedule(1, again);
    };
    scheduler.schedule(1, again);
    await runAll(scheduler);
    expect(scheduler.eventCount).toBe(20_000);
  });
});

function newProcess(scheduler: Scheduler, beforeStep?: (process: SimProcess) => void): SimProcess {
  return createProcess(scheduler, seededRandom(7), createTrace(scheduler), {
    name: 'p',
    wallSkewMs: 0,
    ...(beforeStep === undefined ? {} : { beforeStep }),
  });
}

describe('a process', () => {
  it('takes its steps after the thaw when it was frozen as they came due', async () => {
    const scheduler = newScheduler();
    const process = newProcess(scheduler);
    let atMs = 0;
    process.step(10, () => {
      atMs = scheduler.nowMs;
    });
    process.freeze({ ms: 5_000, wallStands: false, monotonicStands: false });
    await runAll(scheduler);
    expect(atMs).toBeGreaterThanOrEqual(START_MS + 5_000);
  });

  it('never resumes anything after a crash', async () => {
    const scheduler = newScheduler();
    const process = newProcess(scheduler, (self) => self.crash());
    let resumed = false;
    void process.clock.sleep(1).then(() => {
      resumed = true;
    });
    await runAll(scheduler);
    expect(resumed).toBe(false);
    expect(process.state).toBe('crashed');
  });

  it.each([
    { wallStands: true, monotonicStands: true, wallMs: 0, monotonicMs: 0 },
    { wallStands: true, monotonicStands: false, wallMs: 0, monotonicMs: 1_000 },
    { wallStands: false, monotonicStands: true, wallMs: 1_000, monotonicMs: 0 },
    { wallStands: false, monotonicStands: false, wallMs: 1_000, monotonicMs: 1_000 },
  ])(
    'sees $wallMs ms of wall time and $monotonicMs of monotonic time pass in a freeze of 1 s',
    async (how) => {
      const scheduler = newScheduler();
      const process = newProcess(scheduler);
      const wallMs = process.clock.wallMs();
      const monotonicMs = process.clock.monotonicMs();
      process.freeze({ ms: 1_000, ...how });
      await runAll(scheduler);
      expect(process.clock.wallMs() - wallMs).toBe(how.wallMs);
      expect(process.clock.monotonicMs() - monotonicMs).toBeCloseTo(how.monotonicMs, 3);
    },
  );

  it('sleeps on its monotonic clock, which a freeze may stop', async () => {
    const scheduler = newScheduler();
    const process = newProcess(scheduler);
    let wokeMs = 0;
    void process.clock.sleep(100).then(() => {
      wokeMs = scheduler.nowMs;
    });
    process.freeze({ ms: 1_000, wallStands: true, monotonicStands: true });
    await runAll(scheduler);
    expect(wokeMs).toBeGreaterThanOrEqual(START_MS + 1_100);
  });

  it('rejects a sleep with the reason of the signal that ends it', async () => {
    const scheduler = newScheduler();
    const process = newProcess(scheduler);
    const over = new AbortController();
    const slept = process.clock.sleep(100, over.signal).catch((reason: unknown) => reason);
    over.abort('enough');
    expect(await slept).toBe('enough');
  });
});

describe('seeded chance', () => {
  it('repeats itself for a seed, and differs for another', () => {
    const words = (seed: number): string => {
      const random = seededRandom(seed);
      return `${random.id()} ${random.uuid()} ${random.next()}`;
    };
    expect(words(42)).toBe(words(42));
    expect(words(42)).not.toBe(words(43));
  });

  it('makes ids of the lengths that the engine counts on', () => {
    const random = seededRandom(3);
    expect(random.id()).toMatch(/^[\w-]{16}$/);
    expect(random.uuid()).toMatch(/^[\w-]{21}[AQgw]$/);
  });
});
