import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Consumer } from '../../../lib/client/consumer/consumer.ts';
import { MillraceError } from '../../../lib/errors.ts';
import type { Groups } from '../../../lib/groups.ts';
import { type ConsumerWorld, consumerWorld, textOfRecord } from './consumer-world.ts';
import { throughLog } from './support.ts';

type Act = 'join' | 'leave' | 'die' | 'send' | 'stumble';

interface Step {
  readonly act: Act;
  readonly pauseMs: number;
  readonly which: number;
  readonly workMs: number;
}

interface Running {
  readonly consumer: Consumer;
  readonly over: AbortController;
  readonly ended: Promise<void>;
  kill(): void;
  /** Its next heartbeats are not answered: every other one is lost on its way there, the rest on the way back. */
  stumble(times: number): void;
}

const PARTITIONS = 4;

const steps = (acts: readonly Act[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      act: fc.constantFrom(...acts),
      pauseMs: fc.nat(12_000),
      which: fc.nat(100),
      workMs: fc.constantFrom(0, 1, 300, 2_000),
    }),
    { minLength: 3, maxLength: 14 },
  );

/** What everybody who joins is given, in order, while they come and go. */
async function churn(all: readonly Step[]): Promise<{ readonly sent: string[]; readonly given: string[] }> {
  const world = consumerWorld();
  const topic = await world.topic('churn', PARTITIONS);
  const producer = await world.producer();
  const sent: string[] = [];
  const given: string[] = [];
  const running: Running[] = [];
  const left: Promise<void>[] = [];
  const acts: Readonly<Record<Act, (step: Step) => Promise<void>>> = {
    join: async ({ workMs }) => {
      running.push(await join(world, { topic, workMs, given }));
    },
    leave: async ({ which }) => {
      const [chosen] = running.splice(which % Math.max(1, running.length), 1);
      chosen?.over.abort();
      if (chosen !== undefined) left.push(chosen.ended);
    },
    die: async ({ which }) => {
      const [chosen] = running.splice(which % Math.max(1, running.length), 1);
      chosen?.kill();
    },
    stumble: async ({ which }) => {
      running[which % Math.max(1, running.length)]?.stumble(1 + (which % 4));
    },
    send: async () => {
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const value = `${partition}/${sent.length}`;
        sent.push(value);
        await producer.send({ topic, partition, value });
      }
    },
  };
  for (const step of all) {
    await world.clock.sleep(step.pauseMs);
    await acts[step.act](step);
  }
  running.push(await join(world, { topic, workMs: 0, given }));
  // A death is noticed after a session, a loop may have seconds of work for each record in its hands.
  await world.clock.sleep(150_000);
  for (const { over } of running) over.abort();
  await Promise.all([...left, ...running.map(({ ended }) => ended)]);
  world.clock.stop();
  return { sent, given };
}

async function join(
  world: ConsumerWorld,
  { topic, workMs, given }: { readonly topic: string; readonly workMs: number; readonly given: string[] },
): Promise<Running> {
  let isDead = false;
  let stumbles = 0;
  const lost = (): MillraceError => new MillraceError('REQUEST_TIMED_OUT', 'nobody knows');
  const never = new Promise<never>(() => undefined);
  const mortal = (groups: Groups): Groups => ({
    ...groups,
    heartbeat: async (beat, call) => {
      if (isDead) return never;
      stumbles -= 1;
      if (stumbles >= 0 && stumbles % 2 === 0) throw lost();
      const answer = await groups.heartbeat(beat, call);
      if (stumbles >= 0) throw lost();
      return answer;
    },
    takeOver: (request, call) => (isDead ? never : groups.takeOver(request, call)),
    commit: (request, call) => (isDead ? never : groups.commit(request, call)),
  });
  const over = new AbortController();
  const consumer = await world.consumer(
    {
      groupId: 'churn',
      topics: [topic],
      autoOffsetReset: 'earliest',
      signal: over.signal,
      autoCommitIntervalMs: 1_000,
    },
    {
      groups: mortal,
      log: (log) =>
        throughLog(log, { fetch: (request, call) => (isDead ? never : log.fetch(request, call)) }),
    },
  );
  const loop = async (): Promise<void> => {
    for await (const record of consumer) {
      if (isDead) await never;
      given.push(textOfRecord(record));
      if (workMs > 0) await world.clock.sleep(workMs);
      if (isDead) await never;
    }
  };
  const ended = loop();
  return {
    consumer,
    over,
    ended,
    kill: () => {
      isDead = true;
    },
    stumble: (times) => {
      stumbles = times;
    },
  };
}

describe('consumers that come and go', () => {
  it('are together given every record exactly once, in order, when nobody dies, whichever heartbeats are lost', async () => {
    await fc.assert(
      fc.asyncProperty(steps(['join', 'join', 'leave', 'stumble', 'send', 'send']), async (all) => {
        const { sent, given } = await churn(all);
        expect([...given].sort()).toEqual([...sent].sort());
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          const ofPartition = (values: readonly string[]): string[] =>
            values.filter((value) => value.startsWith(`${partition}/`));
          expect(ofPartition(given)).toEqual(ofPartition(sent));
        }
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  it('are together given every record at least once, whoever dies', async () => {
    await fc.assert(
      fc.asyncProperty(steps(['join', 'join', 'leave', 'die', 'stumble', 'send', 'send']), async (all) => {
        const { sent, given } = await churn(all);
        expect([...new Set(given)].sort()).toEqual([...sent].sort());
      }),
      { numRuns: 10 },
    );
  }, 60_000);
});
