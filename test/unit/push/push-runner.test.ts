import { describe, expect, it } from 'vitest';
import { hasWork } from '../../../lib/push/has-work.ts';
import type { InvokeAnswer } from '../../../lib/push/push-parts.ts';
import { type FunctionUnderTest, GROUP, type PushWorld, pushWorld, settingsOf } from './push-world.ts';

const TAKES_ALL: FunctionUnderTest = { answer: () => undefined };
const FAILED: InvokeAnswer = { kind: 'failed', error: { type: 'TypeError', message: 'no' } };
const throwsAt = (poison: string): FunctionUnderTest => ({
  answer: (_, { values }) => (values.includes(poison) ? FAILED : undefined),
});
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index));

async function worldOf(fn: FunctionUnderTest, partitionCount = 1): Promise<PushWorld> {
  const world = await pushWorld(fn);
  await world.play(world.log.createTopic({ name: 't', partitionCount }, world.call()));
  return world;
}

/** The values of all calls that the function took. */
const valuesOf = ({ called }: PushWorld, place = 't-0'): string[] =>
  called.filter((one) => one.place === place).flatMap(({ values }) => values);

describe('a run', () => {
  it('does not even join the group where there is nothing to be sent', async () => {
    const world = await worldOf(TAKES_ALL, 3);
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: false, calls: 0, faults: 0 });
    expect(await world.play(world.groups.list(world.call()))).toEqual([]);
  });

  it('looks for half a read unit a partition, where all else is known', async () => {
    const world = await worldOf(TAKES_ALL, 10);
    for (let partition = 0; partition < 10; partition += 1) await world.produce('t', partition, 'a');
    await world.play(world.run(settingsOf()));
    const look = async (): Promise<number> => {
      const call = world.call();
      expect(await world.play(hasWork(world, settingsOf(), world.clock.wallMs(), call))).toBe(false);
      return call.meter.usage.readUnits;
    };
    await look();
    expect(await look()).toBeLessThanOrEqual(10 * 0.5 + 2);
  });

  it('sends every partition from its beginning, in order, many records a call, and commits the ends', async () => {
    const world = await worldOf(TAKES_ALL, 3);
    for (const partition of [0, 1, 2]) {
      for (let count = 0; count < 5; count += 1) {
        await world.produce('t', partition, ...numbers(count * 10, count * 10 + 10));
      }
    }
    const report = await world.play(world.run(settingsOf({ batchSize: 30 })));
    expect(report).toMatchObject({ joined: true, records: 150, calls: 6, failures: 0, faults: 0 });
    for (const place of ['t-0', 't-1', 't-2']) expect(valuesOf(world, place)).toEqual(numbers(0, 50));
    expect(await world.committed('t')).toEqual([
      [0, 50],
      [1, 50],
      [2, 50],
    ]);
    expect(await world.play(world.groups.describe(GROUP, world.call()))).toMatchObject({ state: 'EMPTY' });
  });

  it('goes on where the last one stopped', async () => {
    const world = await worldOf(TAKES_ALL);
    await world.produce('t', 0, 'a', 'b');
    await world.play(world.run(settingsOf()));
    await world.produce('t', 0, 'c');
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ records: 1 });
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: false });
    expect(valuesOf(world)).toEqual(['a', 'b', 'c']);
  });

  it('waits for more after it has sent something, and for no more than it should', async () => {
    const world = await worldOf(TAKES_ALL);
    await world.produce('t', 0, 'a');
    const beganMs = world.clock.monotonicMs();
    const running = world.run(settingsOf({ lingerSeconds: 20 }));
    await world.sleep(15_000);
    await world.produce('t', 0, 'b');
    await world.sleep(15_000);
    await world.produce('t', 0, 'c');
    expect(await world.play(running)).toMatchObject({ records: 3 });
    const tookMs = world.clock.monotonicMs() - beganMs;
    expect(tookMs).toBeGreaterThanOrEqual(50_000);
    expect(tookMs).toBeLessThan(52_500);
    expect(world.called.at(-1)?.atMs).toBeLessThan(beganMs + 31_500);
  });

  it('begins no call after its time, and waits for the one that is under way', async () => {
    const world = await worldOf({ takesMs: 40_000, answer: () => undefined });
    await world.produce('t', 0, ...numbers(0, 10));
    const report = await world.play(world.run(settingsOf({ batchSize: 1 })));
    expect(report).toMatchObject({ calls: 2, records: 2, faults: 0 });
    expect(await world.committed('t')).toEqual([[0, 2]]);
  });

  it('a group that begins at the end gets what comes after its first run', async () => {
    const world = await worldOf(TAKES_ALL, 2);
    await world.produce('t', 0, 'old');
    const settings = settingsOf({ startingPosition: 'latest' });
    expect(await world.play(world.run(settings))).toMatchObject({ joined: true, records: 0 });
    expect(await world.play(world.run(settings))).toMatchObject({ joined: false });
    await world.produce('t', 0, 'new');
    await world.produce('t', 1, 'new, too');
    expect(await world.play(world.run(settings))).toMatchObject({ records: 2 });
    expect(valuesOf(world)).toEqual(['new']);
  });

  it('commits again after half a day without records, so that the position does not expire', async () => {
    const world = await worldOf(TAKES_ALL);
    await world.produce('t', 0, 'a');
    await world.play(world.run(settingsOf()));
    await world.sleep(13 * 3_600_000);
    const [before] = await world.play(world.groups.committed(GROUP, undefined, world.call()));
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: true, records: 0 });
    const [after] = await world.play(world.groups.committed(GROUP, undefined, world.call()));
    expect(after?.offset).toBe(1);
    expect((after?.committedMs ?? 0) - (before?.committedMs ?? 0)).toBeGreaterThan(12 * 3_600_000);
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: false });
  });

  it('goes on at the log start where records were deleted before they were sent', async () => {
    const world = await worldOf(TAKES_ALL);
    await world.produce('t', 0, 'a');
    await world.play(world.run(settingsOf()));
    await world.produce('t', 0, ...numbers(1, 10));
    await world.play(world.log.deleteRecords({ topic: 't', partition: 0, offset: 6 }, world.call()));
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ records: 4, moved: 1 });
    expect(valuesOf(world)).toEqual(['a', '6', '7', '8', '9']);
  });

  it('waits for a topic that does not exist yet', async () => {
    const world = await worldOf(TAKES_ALL);
    const settings = settingsOf({ topics: ['later', 't'] });
    await world.produce('t', 0, 'a');
    expect(await world.play(world.run(settings))).toMatchObject({ records: 1, faults: 0 });
    await world.play(world.log.createTopic({ name: 'later', partitionCount: 2 }, world.call()));
    await world.produce('later', 1, 'b');
    expect(await world.play(world.run(settings))).toMatchObject({ records: 1 });
    expect(valuesOf(world, 'later-1')).toEqual(['b']);
  });
});

describe('a record that the function cannot take', () => {
  it.each([
    ['throws', throwsAt('41')],
    [
      'names it',
      {
        answer: (records, { values }) =>
          values.includes('41')
            ? {
                kind: 'answered',
                answer: {
                  batchItemFailures: [{ itemIdentifier: String(records[values.indexOf('41')]?.offset) }],
                },
              }
            : undefined,
      } satisfies FunctionUnderTest,
    ],
  ])('becomes the only dead letter, and everything else arrives in order, when it %s', async (_, fn) => {
    const world = await worldOf(fn);
    await world.produce('t', 0, ...numbers(0, 100));
    const report = await world.play(world.run(settingsOf({ maxRetries: 3 })));
    expect(report).toMatchObject({ deadLetters: 1, records: 99, faults: 0 });
    expect(world.letters).toMatchObject([
      {
        topic: 't',
        partition: 0,
        firstOffset: 41,
        lastOffset: 41,
        reason: 'retries',
        failures: 4,
        recordCount: 1,
      },
    ]);
    expect(world.letters[0]?.records?.[0]?.value).toBe(Buffer.from('41').toString('base64'));
    const alone = world.called.filter(({ offsets }) => offsets.length === 1 && offsets[0] === 41);
    expect(alone.length).toBeGreaterThan(0);
    const taken = new Set(valuesOf(world));
    expect(taken.size).toBe(100);
    expect(await world.committed('t')).toEqual([[0, 100]]);
  });

  it('holds up its own partition alone', async () => {
    const world = await worldOf(throwsAt('poison'), 2);
    await world.produce('t', 0, 'poison', 'behind');
    await world.produce('t', 1, ...numbers(0, 5));
    const report = await world.play(
      world.run(settingsOf({ batchSize: 1, maxRetries: 20, parallelPartitions: 1 })),
    );
    expect(report).toMatchObject({ records: 5, deadLetters: 0 });
    expect(valuesOf(world, 't-1')).toEqual(numbers(0, 5));
    expect(await world.committed('t')).toEqual([
      [0, 0],
      [1, 5],
    ]);
  });

  it('is retried as often as it may be in all, however many runs that takes', async () => {
    const world = await worldOf(throwsAt('poison'));
    await world.produce('t', 0, 'poison', 'behind');
    const settings = settingsOf({ maxRetries: 6 });
    for (let runs = 0; world.letters.length === 0; runs += 1) {
      expect(runs).toBeLessThan(10);
      await world.play(world.run(settings, { lastMs: 3_000 }));
    }
    const alone = world.called.filter(({ values }) => values.join() === 'poison');
    expect(alone).toHaveLength(7);
    expect(world.letters).toMatchObject([{ firstOffset: 0, lastOffset: 0, failures: 7 }]);
    await world.play(world.run(settings));
    expect(await world.committed('t')).toEqual([[0, 2]]);
  });

  it('is not passed over before its letter is stored', async () => {
    const world = await worldOf(throwsAt('poison'));
    await world.produce('t', 0, 'poison', 'behind');
    const settings = settingsOf({ maxRetries: 0 });
    world.broken.bury = async () => {
      throw new Error('no queue');
    };
    const report = await world.play(world.run(settings, { lastMs: 5_000 }));
    expect(report).toMatchObject({ deadLetters: 0, records: 0 });
    expect(report.faults).toBeGreaterThan(0);
    world.broken.bury = async () => undefined;
    expect(await world.play(world.run(settings))).toMatchObject({ deadLetters: 1, records: 1 });
  });

  it('is given up unsent once it is too old', async () => {
    const world = await worldOf(TAKES_ALL);
    await world.produce('t', 0, 'from 2023');
    const report = await world.play(world.run(settingsOf({ maxRecordAgeSeconds: 60 })));
    expect(report).toMatchObject({ calls: 0, deadLetters: 1 });
    expect(world.letters).toMatchObject([{ reason: 'age', failures: 0 }]);
  });
});

describe('a function that cannot be called', () => {
  it('costs no record: they wait until it can be', async () => {
    const world = await worldOf(TAKES_ALL);
    await world.produce('t', 0, 'a', 'b');
    world.broken.unreachable = true;
    const settings = settingsOf({ maxRetries: 0 });
    expect(await world.play(world.run(settings))).toMatchObject({ calls: 0, deadLetters: 0 });
    expect(world.faults.length).toBeGreaterThan(3);
    world.broken.unreachable = false;
    expect(await world.play(world.run(settings))).toMatchObject({ records: 2 });
  });
});

describe('two runs at once', () => {
  it('share the partitions, and between them send everything in order', async () => {
    const world = await worldOf({ takesMs: 500, answer: () => undefined }, 4);
    for (const partition of [0, 1, 2, 3]) {
      for (let count = 0; count < 40; count += 1) await world.produce('t', partition, String(count));
    }
    const settings = settingsOf({ batchSize: 1, lingerSeconds: 5, parallelPartitions: 2 });
    const first = world.run(settings);
    await world.sleep(3_000);
    const second = world.run(settings);
    const reports = await world.play(Promise.all([first, second]));
    for (const { records } of reports) expect(records).toBeGreaterThan(10);
    for (const partition of [0, 1, 2, 3]) {
      // At least once: the first of a value is what counts.
      const values = [...new Set(valuesOf(world, `t-${partition}`))];
      expect(values).toEqual(numbers(0, 40));
    }
    expect((await world.committed('t')).map(([, offset]) => offset)).toEqual([40, 40, 40, 40]);
    expect(reports.reduce((total, { faults }) => total + faults, 0)).toBe(0);
  });

  it('a run that dies is missed, and what it had not committed is sent again by the next', async () => {
    const world = await worldOf({ takesMs: 1_000, answer: () => undefined }, 2);
    await world.produce('t', 0, ...numbers(0, 10));
    await world.produce('t', 1, ...numbers(0, 10));
    const settings = settingsOf({ batchSize: 1 });
    const gone = world.run(settings, { diesMs: 4_500 });
    gone.catch(() => undefined);
    await world.sleep(10_000);
    const sent = world.called.length;
    expect(sent).toBeGreaterThan(5);
    expect(sent).toBeLessThan(20);
    // As the schedule does: every minute another one.
    await world.sleep(50_000);
    const report = await world.play(world.run(settings));
    expect(report).toMatchObject({ faults: 0 });
    for (const place of ['t-0', 't-1']) {
      const values = valuesOf(world, place);
      expect([...new Set(values)]).toEqual(numbers(0, 10));
      expect(values).toHaveLength(11);
    }
    expect(await world.committed('t')).toEqual([
      [0, 10],
      [1, 10],
    ]);
  });
});
