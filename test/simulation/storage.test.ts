import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../lib/limits.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import type { Item, PutResult } from '../../lib/storage/table.ts';
import type { NetworkConduct } from './network.ts';
import { createProcess, type SimProcess } from './process.ts';
import { CALM_NETWORK } from './profile.ts';
import { seededRandom } from './random.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createStorage, type Ports, type Storage } from './storage.ts';
import type { TableConduct } from './table-server.ts';
import { createTrace } from './trace.ts';

const DAY_MS = 86_400_000;
const IF_ABSENT = { kind: 'ifAbsent' } as const;

interface Bench {
  readonly scheduler: Scheduler;
  readonly storage: Storage;
  readonly process: SimProcess;
  readonly ports: Ports;
  readonly call: Call;
  /** Runs until the promise has settled; answers its value or its error. */
  outcome<T>(promise: Promise<T>): Promise<T | Error>;
  letTimePass(ms: number): Promise<void>;
}

function bench(options: { network?: Partial<NetworkConduct>; conduct?: Partial<TableConduct> } = {}): Bench {
  const random = seededRandom(11);
  const scheduler = createScheduler(random.fork(), 1_772_323_200_000);
  const trace = createTrace(scheduler);
  const conduct = { staleMsMax: 0, expiryLateMsMax: DAY_MS, pageCut: 0, ...options.conduct };
  const storage = createStorage({ scheduler, random: random.fork(), trace }, conduct, 8192);
  const process = createProcess(scheduler, random.fork(), trace, { name: 'p', wallSkewMs: 0 });
  const ports = storage.ports(process, { ...CALM_NETWORK, ...options.network });
  const run = (done: () => boolean): Promise<unknown> => scheduler.run(done, { eventsMax: 10_000 });
  return {
    scheduler,
    storage,
    process,
    ports,
    call: { meter: new Meter(), deadlineMs: process.clock.monotonicMs() + 365 * DAY_MS },
    outcome: async (promise) => {
      let settled = false;
      const caught = promise
        .catch((error: unknown) => error as Error)
        .finally(() => {
          settled = true;
        });
      await run(() => settled);
      return caught;
    },
    letTimePass: async (ms) => {
      const untilMs = scheduler.nowMs + ms;
      scheduler.schedule(ms, () => undefined);
      await run(() => scheduler.nowMs >= untilMs);
    },
  };
}

function item(sk: number, more: Partial<Item<number>> = {}): Item<number> {
  return { pk: 'a', sk, version: `v${sk}`, attributes: { b: new Uint8Array([sk]) }, ...more };
}

describe('the simulated storage', () => {
  it('shares no memory with the processes', async () => {
    const { ports, call, outcome, storage } = bench();
    const bytes = new Uint8Array([1]);
    await outcome(ports.hot.put(item(0, { attributes: { b: bytes } }), { condition: IF_ABSENT }, call));
    bytes[0] = 9;
    expect(storage.hot.peek('a')[0]?.attributes.b).toEqual(new Uint8Array([1]));
  });

  it('answers a lost put with what stood in the way', async () => {
    const { ports, call, outcome } = bench();
    await outcome(ports.hot.put(item(0), { condition: IF_ABSENT }, call));
    const second = await outcome(ports.hot.put(item(0, { version: 'w' }), { condition: IF_ABSENT }, call));
    expect(second).toMatchObject({ stored: false, standing: { version: 'v0' } });
  });

  it('deletes expired items late, unless their expiry was put off', async () => {
    const { ports, call, outcome, storage, scheduler, letTimePass } = bench();
    const expiresAtSeconds = Math.ceil(scheduler.nowMs / 1000) + 60;
    await outcome(ports.hot.put(item(0, { expiresAtSeconds }), { condition: IF_ABSENT }, call));
    await outcome(ports.hot.put(item(1, { expiresAtSeconds }), { condition: IF_ABSENT }, call));
    const condition = { kind: 'ifVersion', version: 'v1' } as const;
    const later = item(1, { version: 'w1', expiresAtSeconds: expiresAtSeconds + 30 * 86_400 });
    await outcome(ports.hot.put(later, { condition }, call));
    expect(storage.hot.peek('a').map(({ sk }) => sk)).toEqual([0, 1]);
    await letTimePass(2 * DAY_MS);
    expect(storage.hot.peek('a').map(({ sk }) => sk)).toEqual([1]);
    expect(storage.hot.changes.map(({ cause }) => cause)).toEqual(['put', 'put', 'put', 'expiry']);
  });

  it('shows an eventually consistent reader each item at an age of its own', async () => {
    const { ports, call, outcome } = bench({ conduct: { staleMsMax: 60_000 } });
    const seen = new Set<string>();
    for (let sk = 0; sk < 6; sk++) {
      await outcome(ports.hot.put(item(sk), { condition: IF_ABSENT }, call));
    }
    for (let i = 0; i < 60; i++) {
      const page = await outcome(ports.hot.query('a', { limit: 10, consistent: false }, call));
      if (!(page instanceof Error)) seen.add(page.items.map(({ sk }) => sk).join());
    }
    expect(seen.size).toBeGreaterThan(5);
    const sure = await outcome(ports.hot.query('a', { limit: 10, consistent: true }, call));
    expect(sure).toMatchObject({ items: [0, 1, 2, 3, 4, 5].map((sk) => ({ sk })) });
  });

  it('cuts pages short, yet lets a reader come through to the end', async () => {
    const { ports, call, outcome, storage } = bench({ conduct: { pageCut: 1 } });
    for (let sk = 0; sk < 30; sk++) storage.hot.put(item(sk), IF_ABSENT, 'test');
    const seen: number[] = [];
    for (let more = true; more; ) {
      const after = seen.at(-1);
      const range = { limit: 25, consistent: true, ...(after === undefined ? {} : { after }) };
      const page = await outcome(ports.hot.query('a', range, call));
      if (page instanceof Error) throw page;
      seen.push(...page.items.map(({ sk }) => sk));
      more = page.more;
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, sk) => sk));
  });
});

describe('a simulated request', () => {
  it('is not sent when the process froze between looking and signing', async () => {
    const { ports, call, outcome, process, storage } = bench();
    const observation = { sentWallMs: process.clock.wallMs(), sentMonotonicMs: process.clock.monotonicMs() };
    const fences = [{ observation, ageMsMax: LIMITS.fenceAgeMsMax }];
    const put = ports.hot.put(item(0), { condition: IF_ABSENT, fences }, call);
    process.freeze({ ms: 61_000, wallStands: false, monotonicStands: true });
    expect(await outcome(put)).toMatchObject({ kind: 'fenced', mayHaveHappened: false });
    expect(storage.hot.peek('a')).toEqual([]);
  });

  it('is refused when its signature is off by more than 15 minutes, and signed rightly the next time', async () => {
    const { ports, call, outcome, process } = bench();
    process.stepWall(-20 * 60_000);
    const put = (): Promise<PutResult<number>> => ports.hot.put(item(0), { condition: IF_ABSENT }, call);
    expect(await outcome(put())).toMatchObject({ kind: 'skewed', mayHaveHappened: false });
    expect(await outcome(put())).toMatchObject({ stored: true });
  });

  it.each([
    ['brokenBeforeRate', []],
    ['brokenAfterRate', [0]],
    ['lostRate', []],
  ] as const)('with %s leaves the client in doubt', async (rate, stored) => {
    const { ports, call, outcome, storage } = bench({ network: { [rate]: 1 } });
    const answer = await outcome(ports.hot.put(item(0), { condition: IF_ABSENT }, call));
    expect(answer).toMatchObject({ kind: 'interrupted', mayHaveHappened: true });
    expect(storage.hot.peek('a').map(({ sk }) => sk)).toEqual(stored);
  });

  it('may take effect after the client was told that it broke', async () => {
    const { ports, call, outcome, storage, letTimePass } = bench({
      network: { brokenLateRate: 1, lateMsMax: 60_000 },
    });
    let early = 0;
    for (let sk = 0; sk < 20; sk++) {
      await outcome(ports.hot.put(item(sk), { condition: IF_ABSENT }, call));
      if (storage.hot.peek('a').every((stored) => stored.sk !== sk)) early++;
    }
    expect(early).toBeGreaterThan(5);
    await letTimePass(60_000);
    expect(storage.hot.peek('a')).toHaveLength(20);
  });

  it('that is throttled did nothing', async () => {
    const { ports, call, outcome, storage } = bench({ network: { throttleRate: 1 } });
    const answer = await outcome(ports.hot.put(item(0), { condition: IF_ABSENT }, call));
    expect(answer).toMatchObject({ kind: 'throttled', mayHaveHappened: false });
    expect(storage.hot.peek('a')).toEqual([]);
  });

  it('reads ranges of objects, and says of a missing one that it is not there', async () => {
    const { ports, call, outcome } = bench();
    await outcome(ports.bucket.put('k', new Uint8Array([1, 2, 3, 4]), call));
    const range = { start: 1, length: 2 };
    expect(await outcome(ports.bucket.get('k', range, call))).toEqual(new Uint8Array([2, 3]));
    expect(await outcome(ports.bucket.get('x', undefined, call))).toBeUndefined();
    const beyond = { start: 4, length: 1 };
    expect(await outcome(ports.bucket.get('k', beyond, call))).toMatchObject({ kind: 'damaged' });
  });
});
