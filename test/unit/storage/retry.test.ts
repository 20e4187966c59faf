import { describe, expect, it } from 'vitest';
import { memoryBucket, memoryTable } from '../../../lib/adapters/memory/index.ts';
import type { Bucket } from '../../../lib/storage/bucket.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault, type StorageFaultKind } from '../../../lib/storage/fault.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { retryingBucket, retryingTable } from '../../../lib/storage/retry.ts';
import type { Item, Table } from '../../../lib/storage/table.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

const ITEM: Item<number> = { pk: 'p', sk: 0, version: 'mine', attributes: { n: 1 } };
const IF_ABSENT = { condition: { kind: 'ifAbsent' } } as const;
const BYTES = new Uint8Array([1, 2, 3]);

/** How the next attempt ends: with the real answer, a fault before it took effect, or a fault after it did. */
type Step = 'answer' | StorageFaultKind | 'interrupted after' | ((inner: Table<number>) => Promise<void>);

function scenario(script: readonly Step[], options: { deadlineMs?: number; draw?: number } = {}) {
  const clock = virtualClock();
  const steps = [...script];
  let attempts = 0;
  const faulty = async <T>(inner: Table<number>, request: () => Promise<T>): Promise<T> => {
    attempts += 1;
    let step = steps.shift() ?? 'answer';
    while (typeof step === 'function') {
      await step(inner);
      step = steps.shift() ?? 'answer';
    }
    if (step === 'answer') return await request();
    if (step !== 'interrupted after') throw new StorageFault(step, `scripted: ${step}`);
    await request();
    throw new StorageFault('interrupted', 'scripted: the answer was lost');
  };
  const inner = memoryTable<number>({ clock });
  const objects = memoryBucket({ clock });
  const table: Table<number> = {
    inlineBytesBreakEven: 123,
    get: (...args) => faulty(inner, () => inner.get(...args)),
    put: (...args) => faulty(inner, () => inner.put(...args)),
    query: (...args) => faulty(inner, () => inner.query(...args)),
    delete: (...args) => faulty(inner, () => inner.delete(...args)),
  };
  const bucket: Bucket = {
    put: (...args) => faulty(inner, () => objects.put(...args)),
    get: (...args) => faulty(inner, () => objects.get(...args)),
    list: (...args) => faulty(inner, () => objects.list(...args)),
    delete: (...args) => faulty(inner, () => objects.delete(...args)),
  };
  const parts = { clock, random: { next: () => options.draw ?? 0.5, id: () => 'id', uuid: () => 'uuid' } };
  const call: Call = { meter: new Meter(), deadlineMs: options.deadlineMs ?? 10_000 };
  return {
    clock,
    inner,
    objects,
    call,
    attempts: () => attempts,
    table: retryingTable(table, parts),
    bucket: retryingBucket(bucket, parts),
  };
}

async function faultOf(work: Promise<unknown>): Promise<{ kind: string; mayHaveHappened: boolean }> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageFault)) throw new Error(`no storage fault but ${error}`);
  return { kind: error.kind, mayHaveHappened: error.mayHaveHappened };
}

describe('a put', () => {
  it('is sent once if it is answered', async () => {
    const { table, call, attempts, clock } = scenario(['answer']);
    expect(await table.put(ITEM, IF_ABSENT, call)).toMatchObject({ stored: true });
    expect(attempts()).toBe(1);
    expect(clock.sleptMs).toEqual([]);
  });

  it('waits longer after every throttle, evenly drawn up to the ceiling', async () => {
    const { table, call, clock } = scenario(Array(8).fill('throttled'), { draw: 1, deadlineMs: 60_000 });
    expect(await table.put(ITEM, IF_ABSENT, call)).toMatchObject({ stored: true });
    expect(clock.sleptMs).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    const lucky = scenario(['throttled', 'throttled'], { draw: 0 });
    await lucky.table.put(ITEM, IF_ABSENT, lucky.call);
    expect(lucky.clock.sleptMs).toEqual([1, 1]);
  });

  it('goes out again soon after an interruption', async () => {
    const { table, call, clock, inner } = scenario(['interrupted', 'interrupted', 'answer'], { draw: 1 });
    expect(await table.put(ITEM, IF_ABSENT, call)).toMatchObject({ stored: true });
    expect(clock.sleptMs).toEqual([10, 20]);
    expect((await inner.get(ITEM, { consistent: true }, call)).item?.version).toBe('mine');
  });

  it('that loses to its own version was stored by an earlier attempt', async () => {
    const { table, call } = scenario(['interrupted after', 'answer']);
    const answer = await table.put(ITEM, IF_ABSENT, call);
    expect(answer).toMatchObject({ stored: true });
    expect(answer).not.toHaveProperty('standing');
  });

  it('that replaces by version and loses to its own was stored too', async () => {
    const { table, call, inner } = scenario(['interrupted after', 'answer']);
    await inner.put({ ...ITEM, version: 'old' }, IF_ABSENT, call);
    const options = { condition: { kind: 'ifVersion', version: 'old' } } as const;
    expect(await table.put(ITEM, options, call)).toMatchObject({ stored: true });
  });

  it('that loses to somebody else has lost, and did not happen', async () => {
    const { table, call, inner } = scenario(['throttled', 'answer']);
    await inner.put({ ...ITEM, version: 'theirs' }, IF_ABSENT, call);
    const answer = await table.put(ITEM, IF_ABSENT, call);
    expect(answer).toMatchObject({ stored: false, standing: { version: 'theirs' } });
    expect(answer).not.toHaveProperty('mayHaveHappened');
  });

  it('that was stored, then replaced by somebody, then loses to that says it may have happened', async () => {
    const replace = async (inner: Table<number>): Promise<void> => {
      const options = { condition: { kind: 'ifVersion', version: 'mine' } } as const;
      await inner.put({ ...ITEM, version: 'theirs' }, options, { meter: new Meter(), deadlineMs: 0 });
    };
    const { table, call } = scenario(['interrupted after', replace, 'answer']);
    expect(await table.put(ITEM, IF_ABSENT, call)).toMatchObject({
      stored: false,
      standing: { version: 'theirs' },
      mayHaveHappened: true,
    });
  });

  it('goes out once more after a skewed signature, and no more', async () => {
    const once = scenario(['skewed', 'answer']);
    expect(await once.table.put(ITEM, IF_ABSENT, once.call)).toMatchObject({ stored: true });
    expect(once.clock.sleptMs).toEqual([]);
    const twice = scenario(['skewed', 'skewed']);
    expect(await faultOf(twice.table.put(ITEM, IF_ABSENT, twice.call))).toEqual({
      kind: 'skewed',
      mayHaveHappened: false,
    });
    expect(twice.attempts()).toBe(2);
  });

  it.each(['fenced', 'full', 'refused', 'damaged'] as const)(
    'is not sent again when it is %s',
    async (kind) => {
      const { table, call, attempts } = scenario([kind]);
      expect(await faultOf(table.put(ITEM, IF_ABSENT, call))).toEqual({ kind, mayHaveHappened: false });
      expect(attempts()).toBe(1);
    },
  );

  it.each(['fenced', 'refused', 'full'] as const)(
    'that is %s after an interruption may have happened',
    async (kind) => {
      const { table, call } = scenario(['interrupted', kind]);
      expect(await faultOf(table.put(ITEM, IF_ABSENT, call))).toEqual({ kind, mayHaveHappened: true });
    },
  );

  it('that is throttled until its deadline did not happen, unless it was interrupted before', async () => {
    const throttles: Step[] = Array(50).fill('throttled');
    const only = scenario(throttles);
    expect(await faultOf(only.table.put(ITEM, IF_ABSENT, only.call))).toEqual({
      kind: 'throttled',
      mayHaveHappened: false,
    });
    const mixed = scenario(['interrupted', ...throttles]);
    expect(await faultOf(mixed.table.put(ITEM, IF_ABSENT, mixed.call))).toEqual({
      kind: 'throttled',
      mayHaveHappened: true,
    });
  });

  it('never pauses past the deadline and never goes out after it', async () => {
    const { table, call, clock, attempts } = scenario(Array(50).fill('throttled'), {
      deadlineMs: 1_000,
      draw: 1,
    });
    await faultOf(table.put(ITEM, IF_ABSENT, call));
    // 50 + 100 + 200 + 400 = 750; the next pause would be 800.
    expect(clock.monotonicMs()).toBe(750);
    expect(attempts()).toBe(5);
  });

  it('does not go out again when the process slept through the deadline', async () => {
    const { table, call, clock, attempts } = scenario(['throttled', 'answer']);
    overslept(clock, 60_000);
    expect(await faultOf(table.put(ITEM, IF_ABSENT, call))).toMatchObject({ kind: 'throttled' });
    expect(attempts()).toBe(1);
  });

  it('is seen through although its caller has gone', async () => {
    const { table, call } = scenario(['interrupted', 'answer']);
    const gone = { ...call, signal: AbortSignal.abort(new Error('gone')) };
    expect(await table.put(ITEM, IF_ABSENT, gone)).toMatchObject({ stored: true });
  });

  it('lets errors that are no storage faults through as they are', async () => {
    const bug = new TypeError('a bug');
    const { table, call } = scenario([() => Promise.reject(bug)]);
    await expect(table.put(ITEM, IF_ABSENT, call)).rejects.toBe(bug);
  });
});

describe('a read', () => {
  it('is repeated after throttles and interruptions, and says nothing of having happened', async () => {
    const { table, call, inner } = scenario(['throttled', 'interrupted', 'answer']);
    await inner.put(ITEM, IF_ABSENT, call);
    expect((await table.get(ITEM, { consistent: true }, call)).item?.version).toBe('mine');
    const never = scenario(Array(500).fill('interrupted'));
    expect(await faultOf(never.table.query('p', { limit: 1, consistent: false }, never.call))).toEqual({
      kind: 'interrupted',
      mayHaveHappened: false,
    });
  });

  it('stops waiting as soon as its caller has gone', async () => {
    const { table, call, attempts } = scenario(['throttled', 'answer']);
    const reason = new Error('gone');
    await expect(
      table.get(ITEM, { consistent: true }, { ...call, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(attempts()).toBe(1);
  });
});

describe('a delete', () => {
  it('says false if the version was not there', async () => {
    const { table, call } = scenario(['throttled', 'answer']);
    expect(await table.delete(ITEM, { ifVersion: 'mine' }, call)).toEqual({ deleted: false });
  });

  it('says true after an interrupted attempt, because that version is gone for ever', async () => {
    const { table, call, inner } = scenario(['interrupted after', 'answer']);
    await inner.put(ITEM, IF_ABSENT, call);
    expect(await table.delete(ITEM, { ifVersion: 'mine' }, call)).toEqual({ deleted: true });
    expect((await inner.get(ITEM, { consistent: true }, call)).item).toBeUndefined();
  });

  it('leaves a newer item alone when it is repeated', async () => {
    const renew = async (inner: Table<number>): Promise<void> => {
      await inner.put({ ...ITEM, version: 'newer' }, IF_ABSENT, { meter: new Meter(), deadlineMs: 0 });
    };
    const { table, call, inner } = scenario(['interrupted after', renew, 'answer']);
    await inner.put(ITEM, IF_ABSENT, call);
    expect(await table.delete(ITEM, { ifVersion: 'mine' }, call)).toEqual({ deleted: true });
    expect((await inner.get(ITEM, { consistent: true }, call)).item?.version).toBe('newer');
  });
});

describe('a bucket', () => {
  it('repeats every kind of request', async () => {
    const { bucket, call } = scenario(['interrupted after', 'throttled', 'answer']);
    await bucket.put('k', BYTES, call);
    const again = scenario(['throttled', 'answer', 'interrupted', 'answer', 'interrupted after', 'answer']);
    await again.objects.put('k', BYTES, again.call);
    expect(await again.bucket.get('k', undefined, again.call)).toEqual(BYTES);
    expect((await again.bucket.list('', { limit: 9 }, again.call)).objects).toHaveLength(1);
    await again.bucket.delete(['k'], again.call);
    expect(await again.objects.get('k', undefined, again.call)).toBeUndefined();
    expect(again.attempts()).toBe(6);
  });

  it('says of a failed put whether the object may be there', async () => {
    const throttled = scenario(Array(50).fill('throttled'));
    expect(await faultOf(throttled.bucket.put('k', BYTES, throttled.call))).toMatchObject({
      mayHaveHappened: false,
    });
    const interrupted = scenario(['interrupted', 'refused']);
    expect(await faultOf(interrupted.bucket.put('k', BYTES, interrupted.call))).toEqual({
      kind: 'refused',
      mayHaveHappened: true,
    });
  });
});

it('the break-even of the table is passed on', () => {
  expect(scenario([]).table.inlineBytesBreakEven).toBe(123);
});

function overslept(clock: VirtualClock, ms: number): void {
  const sleep = clock.sleep;
  clock.sleep = async (pauseMs, signal) => {
    await sleep(pauseMs, signal);
    clock.advance(ms);
  };
}
