import { describe, expect, it } from 'vitest';
import { observer } from '../../../functions/observer.ts';
import { type PushFunctionParts, pushFunction } from '../../../functions/push-function.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, openLog } from '../../../lib/open-log.ts';
import type { InvokeAnswer } from '../../../lib/push/push-parts.ts';
import { readPushSettings } from '../../../lib/push/push-settings.ts';
import { batchOf, codecs, memoryStorage, newCall } from '../../support/log-on-memory.ts';
import { virtualClock } from '../storage/virtual-clock.ts';
import { consoleLines } from './console-lines.ts';
import { lambdaContext } from './http-event-fixture.ts';

const written = consoleLines();
const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
const [settings] = readPushSettings([
  { group: 'g', topics: ['t'], functionArn, lingerSeconds: 0, maxRetries: 1 },
]);

/** A pusher on a log of one partition with these records. */
async function pusher(
  values: readonly string[],
  answer: () => InvokeAnswer,
  more: Partial<PushFunctionParts> = {},
): Promise<{
  readonly run: () => Promise<unknown>;
  readonly letters: string[];
  readonly signals: AbortSignal[];
}> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const log = await openLog(storage, newCall(clock));
  await log.createTopic({ name: 't' }, newCall(clock));
  if (values.length > 0) {
    await log.produce({ topic: 't', partition: 0, batches: batchOf(...values) }, newCall(clock));
  }
  const groups = openGroups(engineParts(storage), log);
  const letters: string[] = [];
  const signals: AbortSignal[] = [];
  if (settings === undefined) throw new Error('no settings');
  const handler = pushFunction({
    open: async () => ({ log, groups, codecs, random: storage.random }),
    invoker: (signal) => {
      signals.push(signal);
      return async () => answer();
    },
    bury: async (letter) => void letters.push(letter),
    settings,
    clock,
    observer: observer({
      service: 'pusher',
      metricsService: 'push',
      stack: 'S',
      logSampleRate: 0,
      random: () => 0,
    }),
    ...more,
  });
  return { run: () => handler({}, lambdaContext(900_000)), letters, signals };
}

const TAKEN: InvokeAnswer = { kind: 'answered', answer: null };
const FAILED: InvokeAnswer = { kind: 'failed', error: { type: 'TypeError', message: 'no' } };
const metricsNamed = (name: string): unknown[] =>
  written.lines.filter((line) => name in line).map((line) => line[name]);

describe('the function that pushes', () => {
  it('says nothing where there is nothing to push, or all of it was taken', async () => {
    expect(await (await pusher([], () => TAKEN)).run()).toMatchObject({ joined: false });
    expect(await (await pusher(['a', 'b'], () => TAKEN)).run()).toMatchObject({ joined: true, records: 2 });
    expect(written.lines).toEqual([]);
  });

  it('has nothing to do where nothing has been created yet', async () => {
    const { run } = await pusher([], () => TAKEN, { open: async () => undefined });
    expect(await run()).toBeUndefined();
  });

  it('counts failures and dead letters', async () => {
    const { run, letters } = await pusher(['a'], () => FAILED);
    expect(await run()).toMatchObject({ failures: 2, deadLetters: 1 });
    expect(letters).toHaveLength(1);
    expect(metricsNamed('PushFailures')).toEqual([2]);
    expect(metricsNamed('PushDeadLetters')).toEqual([1]);
  });

  it('tells why the function could not be called', async () => {
    const { run } = await pusher(['a'], () => ({ kind: 'unmade', cause: new Error('no such function') }));
    expect(await run()).toMatchObject({ records: 0, deadLetters: 0 });
    expect(JSON.stringify(written.lines)).toContain('no such function');
  });

  it('waits for no answer any more once it has ended', async () => {
    const { run, signals } = await pusher(['a'], () => TAKEN);
    await run();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('fails as a whole where the log cannot be opened', async () => {
    const open = async (): Promise<never> => Promise.reject(new Error('no table'));
    const { run } = await pusher(['a'], () => TAKEN, { open });
    await expect(run()).rejects.toThrow('no table');
    expect(metricsNamed('Faults')).toEqual([1]);
  });
});
