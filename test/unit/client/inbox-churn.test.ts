import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConsumer } from '../../../lib/client/consumer/consumer.ts';
import { retryingTransactions } from '../../../lib/client/transactions.ts';
import { MillraceError } from '../../../lib/errors.ts';
import type { Groups } from '../../../lib/groups.ts';
import { addOne, type Business, memoryTransactions } from '../../support/memory-transactions.ts';
import { type ConsumerWorld, consumerWorld, textOfRecord } from './consumer-world.ts';

const PARTITIONS = 3;
const RECORDS = 24;

type Accident = 'none' | 'lost-request' | 'lost-answer' | 'death' | 'death-after';

interface Applier {
  /** What happens to its next transactions. */
  readonly accidents: Accident[];
  readonly pauseMs: number;
}

/** One process that applies records until it dies or is told to end. */
async function apply(
  world: ConsumerWorld,
  options: { readonly applier: Applier; readonly business: Business; readonly signal: AbortSignal },
): Promise<void> {
  const { applier, business, signal } = options;
  const never = new Promise<never>(() => undefined);
  let isDead = false;
  const dying = (): Promise<never> => {
    isDead = true;
    return never;
  };
  const mortal = (groups: Groups): Groups => {
    const happens: Readonly<Record<Accident, Groups['commitWithin']>> = {
      none: groups.commitWithin,
      'lost-request': () => Promise.reject(lost()),
      'lost-answer': (request, call) => groups.commitWithin(request, call).then(() => Promise.reject(lost())),
      death: dying,
      'death-after': (request, call) => groups.commitWithin(request, call).then(dying),
    };
    return {
      ...groups,
      heartbeat: (beat, call) => (isDead ? never : groups.heartbeat(beat, call)),
      takeOver: (request, call) => (isDead ? never : groups.takeOver(request, call)),
      commitWithin: (request, call) =>
        isDead ? never : happens[applier.accidents.shift() ?? 'none'](request, call),
    };
  };
  const { parts } = await world.process({ groups: mortal });
  const { storage } = world;
  const transactions = retryingTransactions(memoryTransactions({ ...storage, business }), storage);
  const consumer = createConsumer(
    { ...parts, transactions },
    { groupId: 'projection', topics: ['events'], autoOffsetReset: 'earliest', autoCommit: false, signal },
  );
  const applying = consumer.inbox().run(async (record) => {
    await world.clock.sleep(applier.pauseMs);
    return [addOne('seen', textOfRecord(record))];
  });
  await applying;
}

const lost = (): MillraceError => new MillraceError('REQUEST_TIMED_OUT', 'nobody knows');

const appliers = fc.array(
  fc.record({
    accidents: fc.array(
      fc.constantFrom<Accident>('none', 'none', 'lost-request', 'lost-answer', 'death', 'death-after'),
      { maxLength: 10 },
    ),
    pauseMs: fc.constantFrom(0, 50, 3_000),
    delayMs: fc.nat(20_000),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('an inbox', () => {
  it('applies every record exactly once, whoever dies and whatever answers are lost', async () => {
    await fc.assert(
      fc.asyncProperty(appliers, async (all) => {
        const world = consumerWorld();
        await world.topic('events', PARTITIONS);
        const producer = await world.producer();
        const values = Array.from({ length: RECORDS }, (_, at) => `event-${at}`);
        await producer.sendBatch(
          values.map((value, at) => ({ topic: 'events', partition: at % PARTITIONS, value })),
        );
        const business: Business = new Map();
        const over = new AbortController();
        for (const { delayMs, ...applier } of all) {
          void apply(world, { applier, business, signal: over.signal });
          await world.clock.sleep(delayMs);
        }
        const survivor = { accidents: [], pauseMs: 0 };
        const ended = apply(world, { applier: survivor, business, signal: over.signal });
        // Every death but the last may have to be noticed, one after the other.
        await world.clock.sleep(240_000);
        over.abort();
        await ended;
        world.clock.stop();
        const counts = [...business].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(counts).toEqual(
          values.map((value) => [`seen/${value}`, 1]).sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)),
        );
      }),
      { numRuns: 10 },
    );
  }, 60_000);
});
