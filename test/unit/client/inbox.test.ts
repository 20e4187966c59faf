import { describe, expect, it } from 'vitest';
import { TransactionCancelledError } from '../../../lib/adapters/dynamodb/index.ts';
import { createInbox, type Inbox, type InboxConsumer, type InboxRecord } from '../../../lib/client/inbox.ts';
import { type ErrorCode, MillraceError } from '../../../lib/errors.ts';
import { observeNow } from '../../../lib/storage/observation.ts';
import type { SortKey } from '../../../lib/storage/table.ts';
import type { StoreWithin } from '../../../lib/storage/within.ts';
import { refusal } from '../../support/log-on-memory.ts';
import { addOne } from '../../support/memory-transactions.ts';
import { virtualClock } from '../storage/virtual-clock.ts';

const ITEM = addOne('totals', 'all');

interface Scene {
  readonly inbox: Inbox<InboxRecord>;
  /** What was committed and what the consumer was told, in order: `commit 3`, `commit 3 + 1 items`, `retake`. */
  readonly told: string[];
  readonly clock: ReturnType<typeof virtualClock>;
}

/** A consumer of one partition with these offsets; `answer` says how a commit of an offset ends. */
function sceneOf(
  offsets: readonly number[],
  answer: (offset: number) => Error | undefined = () => undefined,
): Scene {
  const told: string[] = [];
  const clock = virtualClock();
  const itemCounts = new WeakMap<object, number>();
  const within = <S extends SortKey>(items: readonly unknown[]): StoreWithin<S> => {
    const store: StoreWithin<S> = async () => ({ stored: true, observation: observeNow(clock) });
    itemCounts.set(store, items.length);
    return store;
  };
  const consumer: InboxConsumer<InboxRecord> = {
    async *[Symbol.asyncIterator]() {
      for (const offset of offsets) yield { topic: 'orders', partition: 1, offset };
    },
    commitWithin: async ({ offset }, store) => {
      told.push(`commit ${offset} + ${itemCounts.get(store)} items`);
      const error = answer(offset);
      if (error !== undefined) throw error;
    },
    retake: async ({ topic, partition }) => {
      told.push(`retake ${topic}/${partition}`);
    },
  };
  const inbox = createInbox({ transactions: { hot: within, catalog: within }, clock }, consumer);
  return { inbox, told, clock };
}

const RECORD = { topic: 'orders', partition: 1, offset: 7 };

describe('a record of an inbox', () => {
  it('is stored with the position behind it', async () => {
    const { inbox, told } = sceneOf([]);
    expect(await inbox.store(RECORD, [ITEM, ITEM])).toBe('stored');
    expect(told).toEqual(['commit 7 + 2 items']);
  });

  const error = (code: ErrorCode): MillraceError => new MillraceError(code, 'scripted');
  for (const [code, pauses] of [
    ['STALE_MEMBER_EPOCH', []],
    ['FENCED_MEMBER_EPOCH', []],
    ['UNKNOWN_MEMBER_ID', []],
    ['UNKNOWN_TOPIC_OR_PARTITION', []],
    ['UNKNOWN_TOPIC_ID', []],
    ['REQUEST_TIMED_OUT', [500]],
    ['THROTTLING_QUOTA_EXCEEDED', [500]],
  ] as const) {
    it(`comes again, or does not, as the committed position says, after ${code}`, async () => {
      const { inbox, told, clock } = sceneOf([], () => error(code));
      expect(await inbox.store(RECORD, [ITEM])).toBe('moved');
      expect(told).toEqual(['commit 7 + 1 items', 'retake orders/1']);
      expect(clock.sleptMs).toEqual(pauses);
    });
  }

  it('is the caller’s to judge if his items refuse, or if trying again does not help', async () => {
    const cancelled = new TransactionCancelledError([{ code: 'ConditionalCheckFailed', message: '' }]);
    const { inbox, told } = sceneOf([], () => cancelled);
    await expect(inbox.store(RECORD, [ITEM])).rejects.toBe(cancelled);
    expect(told).toEqual(['commit 7 + 1 items']);
    for (const code of ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR', 'OFFSET_OUT_OF_RANGE'] as const) {
      const other = sceneOf([], () => error(code));
      expect(await refusal(other.inbox.store(RECORD, [ITEM]))).toBe(code);
      expect(other.told).toHaveLength(1);
    }
  });
});

describe('a running inbox', () => {
  it('applies every record, one after the other', async () => {
    const { inbox, told } = sceneOf([3, 4, 5]);
    await inbox.run(() => [ITEM]);
    expect(told).toEqual(['commit 3 + 1 items', 'commit 4 + 1 items', 'commit 5 + 1 items']);
  });

  it('passes over what nothing is made of, and stores how far it came with the next that counts', async () => {
    const { inbox, told } = sceneOf([3, 4, 5, 6, 7]);
    await inbox.run(({ offset }) => (offset === 5 ? [ITEM] : []));
    expect(told).toEqual(['commit 5 + 1 items']);
  });

  it('stores how far it came now and then', async () => {
    const { inbox, told } = sceneOf(Array.from({ length: 1_200 }, (_, n) => n));
    await inbox.run(async () => []);
    expect(told).toEqual(['commit 499 + 0 items', 'commit 999 + 0 items']);
  });

  it('goes on after the partition has moved', async () => {
    const stale = new MillraceError('STALE_MEMBER_EPOCH', 'scripted');
    const { inbox, told } = sceneOf([3, 4], (offset) => (offset === 3 ? stale : undefined));
    await inbox.run(() => [ITEM]);
    expect(told).toEqual(['commit 3 + 1 items', 'retake orders/1', 'commit 4 + 1 items']);
  });

  it('ends with what its handler throws; the record in hand is not stored', async () => {
    const { inbox, told } = sceneOf([3, 4, 5]);
    const run = inbox.run(({ offset }) => {
      if (offset === 4) throw new Error('poison');
      return [ITEM];
    });
    await expect(run).rejects.toThrow('poison');
    expect(told).toEqual(['commit 3 + 1 items']);
  });

  it('needs a log that is kept in DynamoDB', () => {
    const consumer = {} as InboxConsumer<InboxRecord>;
    expect(() => createInbox({ clock: virtualClock() }, consumer)).toThrow(/kept in DynamoDB/);
  });
});
