import type { Groups } from '../../../lib/groups.ts';
import type { Log } from '../../../lib/log.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import type { DeadLetter } from '../../../lib/push/dead-letter.ts';
import type { EventRecord, KafkaEvent } from '../../../lib/push/kafka-event.ts';
import type { InvokeAnswer } from '../../../lib/push/push-parts.ts';
import { type PushReport, runPush } from '../../../lib/push/push-runner.ts';
import { type PushSettings, readPushSettings } from '../../../lib/push/push-settings.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Clock } from '../../../lib/storage/clock.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { seededRandom } from '../../simulation/random.ts';
import { createScheduler } from '../../simulation/scheduler.ts';
import { batchOf, codecs, memoryStorage } from '../../support/log-on-memory.ts';

export interface Called {
  readonly place: string;
  readonly offsets: readonly number[];
  readonly values: readonly string[];
  readonly atMs: number;
}

/** Answers after `takesMs` of virtual time; the answer of a function that succeeded is undefined. */
export interface FunctionUnderTest {
  readonly takesMs?: number;
  readonly answer: (records: readonly EventRecord[], call: Called) => InvokeAnswer | undefined;
}

/** One log and one group on memory, in virtual time, with any number of runners, each in a process of its own. */
export interface PushWorld {
  readonly log: Log;
  readonly groups: Groups;
  readonly clock: Clock;
  readonly call: () => Call;
  readonly called: Called[];
  /** Those of them that the function did not fail with. */
  readonly taken: Called[];
  readonly letters: DeadLetter[];
  readonly faults: unknown[];
  /** What of a runner's environment a test wants to be different. */
  readonly broken: { bury?: () => Promise<void>; unreachable?: boolean };
  produce(topic: string, partition: number, ...values: readonly string[]): Promise<void>;
  run(
    settings: PushSettings,
    options?: {
      readonly lastMs?: number;
      readonly deadlineMs?: number;
      /** From then on the runner's process does nothing any more. */
      readonly diesMs?: number;
    },
  ): Promise<PushReport>;
  /** Waits for `work` while virtual time goes on. */
  play<T>(work: Promise<T>): Promise<T>;
  sleep(ms: number): Promise<void>;
  committed(topic: string): Promise<readonly (readonly [number, number])[]>;
}

export const GROUP = 'pushed';

export function settingsOf(more: Partial<PushSettings> = {}): PushSettings {
  const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  const [settings] = readPushSettings([
    { group: GROUP, topics: ['t'], functionArn, lingerSeconds: 0, ...more },
  ]);
  if (settings === undefined) throw new Error('no settings');
  return settings;
}

/** What a dead process asks is never answered. */
function mortal<T extends object>(target: T, dead: () => boolean): T {
  return new Proxy(target, {
    get: (own, name) => {
      const value: unknown = Reflect.get(own, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        dead() ? new Promise(() => undefined) : Reflect.apply(value, own, args);
    },
  });
}

export async function pushWorld(fn: FunctionUnderTest): Promise<PushWorld> {
  const random = seededRandom(7);
  const scheduler = createScheduler(random.fork(), 1_800_000_000_000);
  const clock: Clock = {
    wallMs: () => scheduler.nowMs,
    monotonicMs: () => scheduler.nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const scheduled = scheduler.schedule(ms, resolve);
        signal?.addEventListener(
          'abort',
          () => {
            scheduled.cancel();
            reject(signal.reason);
          },
          { once: true },
        );
      }),
  };
  const storage: LogOptions = { ...memoryStorage(clock), random: random.fork() };
  const call = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 10_000 });

  const play = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const watched = work.finally(() => {
      isDone = true;
    });
    watched.catch(() => undefined);
    const ended = await scheduler.run(() => isDone, { eventsMax: 2_000_000 });
    if (ended !== 'done') throw new Error(`virtual time ended: ${ended}`);
    return watched;
  };
  const open = async (): Promise<{ readonly log: Log; readonly groups: Groups }> => {
    const log = await openLog(storage, call());
    return { log, groups: openGroups(engineParts(storage), log) };
  };

  const called: Called[] = [];
  const taken: Called[] = [];
  const letters: DeadLetter[] = [];
  const faults: unknown[] = [];
  const broken: PushWorld['broken'] = {};
  const invoke = async (event: KafkaEvent): Promise<InvokeAnswer> => {
    if (broken.unreachable) return { kind: 'unmade', cause: new Error('throttled') };
    const [[place, records] = ['', []]] = Object.entries(event.records);
    const offsets = records.map(({ offset }) => offset);
    const values = records.map(({ value = '' }) => Buffer.from(value, 'base64').toString());
    const one: Called = { place, offsets, values, atMs: clock.monotonicMs() };
    called.push(one);
    await clock.sleep(fn.takesMs ?? 10);
    const answer = fn.answer(records, one);
    if (answer === undefined) taken.push(one);
    return answer ?? { kind: 'answered', answer: null };
  };
  const bury = async (letter: string): Promise<void> => {
    await broken.bury?.();
    letters.push(JSON.parse(letter) as DeadLetter);
  };

  const { log, groups } = await play(open());
  return {
    ...{ log, groups, clock, call, called, taken, letters, faults, broken, play },
    produce: async (topic, partition, ...values) => {
      await play(log.produce({ topic, partition, batches: batchOf(...values) }, call()));
    },
    run: async (settings, { lastMs = 55_000, deadlineMs = 600_000, diesMs = Infinity } = {}) => {
      const nowMs = clock.monotonicMs();
      const dead = (): boolean => clock.monotonicMs() >= nowMs + diesMs;
      const { log: ownLog, groups: ownGroups } = await open();
      const own = { log: mortal(ownLog, dead), groups: mortal(ownGroups, dead) };
      const parts = { ...own, codecs, clock, random: storage.random, invoke, bury };
      const onFault = (cause: unknown): void => void faults.push(cause);
      return runPush({ ...parts, onFault }, settings, {
        lastCallMs: nowMs + lastMs,
        deadlineMs: nowMs + deadlineMs,
      });
    },
    sleep: (ms) => play(clock.sleep(ms)),
    committed: async (topic) => {
      const all = await play(groups.committed(GROUP, undefined, call()));
      return all
        .filter((one) => one.topic === topic)
        .map(({ partition, offset }) => [partition, offset] as const)
        .toSorted(([a], [b]) => a - b);
    },
  };
}
