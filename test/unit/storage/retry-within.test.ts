import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../../lib/adapters/memory/index.ts';
import { ALL_RULES, type Rules } from '../../../lib/rules.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault, type StorageFaultKind } from '../../../lib/storage/fault.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { retryingWithin } from '../../../lib/storage/retry-within.ts';
import type { Item, Table } from '../../../lib/storage/table.ts';
import type { StoreWithin, WithinAttempts } from '../../../lib/storage/within.ts';
import { virtualClock } from './virtual-clock.ts';

const ITEM: Item<number> = { pk: 'p', sk: 0, version: 'mine', attributes: { n: 1 } };
const IF_ABSENT = { condition: { kind: 'ifAbsent' } } as const;
const REFUSED = new Error('the order is there already');

/**
 * How the next attempt ends: with the real answer, a fault before or after it took effect, or the other part's refusal.
 * A function is run before the attempt that follows it.
 */
type Step =
  | 'answer'
  | 'cancelled'
  | StorageFaultKind
  | 'interrupted after'
  | ((inner: Table<number>) => Promise<void>);

function scenario(
  script: readonly Step[],
  options: { deadlineMs?: number; rules?: Rules; ruleOut?: ('open' | 'interrupted' | 'throttled')[] } = {},
) {
  const clock = virtualClock();
  const steps = [...script];
  let attempts = 0;
  const inner = memoryTable<number>({ clock });
  const call: Call = { meter: new Meter(), deadlineMs: options.deadlineMs ?? 10_000 };
  const store: StoreWithin<number> = async (item, put, within) => {
    attempts += 1;
    let step = steps.shift() ?? 'answer';
    while (typeof step === 'function') {
      await step(inner);
      step = steps.shift() ?? 'answer';
    }
    if (step === 'cancelled') {
      return {
        stored: 'cancelled',
        cause: REFUSED,
        observation: { sentWallMs: 0, sentMonotonicMs: 0 },
      };
    }
    if (step === 'answer') return inner.put(item, put, within);
    if (step === 'interrupted after') await inner.put(item, put, within);
    const kind = step === 'interrupted after' ? 'interrupted' : step;
    throw new StorageFault(kind, `scripted: ${step}`);
  };
  let ruledOut = 0;
  const ruleOut: WithinAttempts<number>['ruleOut'] = async (item, condition, within) => {
    ruledOut += 1;
    const kind = options.ruleOut?.shift() ?? 'answer';
    if (kind === 'open') return { kind };
    if (kind !== 'answer') throw new StorageFault(kind, `scripted: ${kind}`);
    const { item: standing, observation } = await inner.get(item, { consistent: true }, within);
    const holds = condition.kind === 'ifAbsent' ? !standing : standing?.version === condition.version;
    return holds ? { kind: 'ruled out' } : { kind: 'standing', standing, observation };
  };
  let looks = 0;
  const table: Pick<Table<number>, 'get'> = {
    get: (...args) => {
      looks += 1;
      return inner.get(...args);
    },
  };
  const random = { next: () => 0.5, id: () => 'id', uuid: () => 'uuid' };
  const { rules = ALL_RULES } = options;
  const within = retryingWithin({ store, ruleOut }, { table, clock, random, rules });
  return {
    inner,
    call,
    counts: () => ({ attempts, looks }),
    ruledOut: () => ruledOut,
    run: (condition: Parameters<StoreWithin<number>>[1] = IF_ABSENT) => within(ITEM, condition, call),
  };
}

function theirs(inner: Table<number>): Promise<void> {
  const call = { meter: new Meter(), deadlineMs: 0 };
  return inner.put({ ...ITEM, version: 'theirs' }, IF_ABSENT, call).then(() => undefined);
}

async function faultOf(work: Promise<unknown>): Promise<StorageFault> {
  const error = await work.catch((reason: unknown) => reason);
  if (!(error instanceof StorageFault)) throw new Error(`no storage fault but ${JSON.stringify(error)}`);
  return error;
}

describe('an item that is stored together with something else', () => {
  it('is sent once and not looked at if it is answered', async () => {
    const { run, counts } = scenario(['answer']);
    expect(await run()).toMatchObject({ stored: true });
    expect(counts()).toEqual({ attempts: 1, looks: 0 });
  });

  it('is sent again after throttles and conflicts, which did nothing', async () => {
    const { run, counts } = scenario(['throttled', 'throttled', 'answer']);
    expect(await run()).toMatchObject({ stored: true });
    expect(counts()).toEqual({ attempts: 3, looks: 0 });
  });

  it('has lost to what stands in the way, and that is all there is to it', async () => {
    const { run, counts } = scenario([theirs, 'answer']);
    const result = await run();
    expect(result).toMatchObject({ stored: false, standing: { version: 'theirs' } });
    expect(result).not.toHaveProperty('mayHaveHappened');
    expect(counts()).toEqual({ attempts: 1, looks: 0 });
  });

  it('is cancelled at once when the other part refuses and no attempt is open', async () => {
    const { run, counts } = scenario(['throttled', 'cancelled']);
    expect(await run()).toMatchObject({ stored: 'cancelled', cause: REFUSED });
    expect(counts()).toEqual({ attempts: 2, looks: 0 });
  });
});

describe('an item one of whose attempts may have been carried out', () => {
  it('is found stored by a look, without another attempt', async () => {
    const { run, counts } = scenario(['interrupted after']);
    expect(await run()).toMatchObject({ stored: true });
    expect(counts()).toEqual({ attempts: 1, looks: 1 });
  });

  it('is sent again if nothing stands at its place', async () => {
    const { run, counts } = scenario(['interrupted', 'answer']);
    expect(await run()).toMatchObject({ stored: true });
    expect(counts()).toEqual({ attempts: 2, looks: 1 });
  });

  it('has lost once another stands at its place, and may have been there before', async () => {
    const { run, inner, counts } = scenario(['interrupted', 'answer']);
    await theirs(inner);
    expect(await run()).toMatchObject({
      stored: false,
      standing: { version: 'theirs' },
      mayHaveHappened: true,
    });
    expect(counts()).toEqual({ attempts: 1, looks: 1 });
  });

  it('is stored, not cancelled, when the other part refuses because the late attempt was carried out', async () => {
    // The first attempt lands between the look and the second attempt, and is what the second one collides with.
    const late = (inner: Table<number>): Promise<void> =>
      inner.put(ITEM, IF_ABSENT, { meter: new Meter(), deadlineMs: 0 }).then(() => undefined);
    const { run, counts } = scenario(['interrupted', late, 'cancelled']);
    expect(await run()).toMatchObject({ stored: true });
    expect(counts()).toEqual({ attempts: 2, looks: 1 });
  });

  it('has lost, not been cancelled, when its place is taken by the time the other part refuses', async () => {
    const { run } = scenario(['interrupted', theirs, 'cancelled']);
    expect(await run()).toMatchObject({ stored: false, standing: { version: 'theirs' } });
  });

  it('is cancelled once the open attempt is ruled out', async () => {
    const { run, counts, ruledOut } = scenario(['interrupted', 'cancelled']);
    expect(await run()).toMatchObject({ stored: 'cancelled', cause: REFUSED });
    expect([counts(), ruledOut()]).toEqual([{ attempts: 2, looks: 1 }, 1]);
  });

  it('is not sent again once it is being ruled out, whatever becomes of that', async () => {
    const { run, counts, ruledOut } = scenario(['interrupted', 'cancelled'], {
      ruleOut: ['interrupted', 'throttled', 'interrupted'],
    });
    expect(await run()).toMatchObject({ stored: 'cancelled', cause: REFUSED });
    expect([counts().attempts, ruledOut()]).toEqual([2, 4]);
  });

  it('is found stored if it cannot be ruled out because it was carried out', async () => {
    const late = (inner: Table<number>): Promise<void> =>
      inner.put(ITEM, IF_ABSENT, { meter: new Meter(), deadlineMs: 0 }).then(() => undefined);
    const { run } = scenario(['interrupted', late, 'cancelled'], { ruleOut: ['open'] });
    expect(await run()).toMatchObject({ stored: true });
  });

  it('is never called cancelled while it cannot be ruled out and its place is free', async () => {
    const ruleOut = Array(50).fill('open');
    const { run } = scenario(['interrupted', 'cancelled'], { deadlineMs: 2_000, ruleOut });
    const fault = await faultOf(run());
    expect(fault).toMatchObject({ kind: 'interrupted', mayHaveHappened: true });
    expect(fault.cause).toBe(REFUSED);
  });

  it('says so with every fault that follows', async () => {
    for (const kind of ['refused', 'fenced', 'throttled'] as const) {
      const { run } = scenario(['interrupted', ...Array(50).fill(kind)], { deadlineMs: 1_000 });
      expect(await faultOf(run())).toMatchObject({ kind, mayHaveHappened: true });
    }
  });
});

describe('a replacement', () => {
  const IF_OLD = { condition: { kind: 'ifVersion', version: 'old' } } as const;
  const old = { ...ITEM, version: 'old' };

  it('is sent again while the old version stands', async () => {
    const { run, inner, call, counts } = scenario(['interrupted', 'answer']);
    await inner.put(old, IF_ABSENT, call);
    expect(await run(IF_OLD)).toMatchObject({ stored: true });
    expect(counts()).toEqual({ attempts: 2, looks: 1 });
  });

  it('has lost once the old version is gone', async () => {
    const { run, inner, counts } = scenario(['interrupted', 'answer']);
    await theirs(inner);
    expect(await run(IF_OLD)).toMatchObject({ stored: false, mayHaveHappened: true });
    expect(counts()).toEqual({ attempts: 1, looks: 1 });
  });
});

describe('with a rule turned off', () => {
  it('its own version is taken for a stranger (token check)', async () => {
    const rules = { ...ALL_RULES, tokenCheck: false };
    const { run } = scenario(['interrupted after'], { rules });
    expect(await run()).toMatchObject({ stored: false, standing: { version: 'mine' } });
  });

  it('an interruption ends it (retry at the tail)', async () => {
    const rules = { ...ALL_RULES, retryAtTail: false };
    const { run, counts } = scenario(['interrupted'], { rules });
    expect(await faultOf(run())).toMatchObject({ kind: 'interrupted', mayHaveHappened: true });
    expect(counts()).toEqual({ attempts: 1, looks: 0 });
  });
});
