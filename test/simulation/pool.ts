import type { Groups } from '../../lib/groups.ts';
import type { Log } from '../../lib/log.ts';
import { openGroups } from '../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../lib/open-log.ts';
import type { Codecs } from '../../lib/record/index.ts';
import type { Rules } from '../../lib/rules.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import { retryingWithin } from '../../lib/storage/retry-within.ts';
import type { StoreWithin } from '../../lib/storage/within.ts';
import type { NetworkConduct } from './network.ts';
import { createProcess, type SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Ports } from './storage.ts';
import type { Trace } from './trace.ts';
import type { ClientPart } from './transactions.ts';

/** One process with the engine in it. */
export interface Node {
  readonly process: SimProcess;
  /** What the engine in it is made of. */
  readonly options: LogOptions;
  /** Resolves once the engine has opened; tried again and again inside the process. */
  readonly log: Promise<Log>;
  readonly groups: Promise<Groups>;
  /** How a client in this process stores a part of its own with an item of the log. */
  readonly within: {
    hot(part: ClientPart): StoreWithin<number>;
    catalog(part: ClientPart): StoreWithin<string>;
  };
}

export interface Pool {
  /** Like a load balancer: any node that has not crashed, frozen ones too. */
  pick(): Node;
  /** A node apart: no mishaps, a calm network. */
  startCalm(name: string, network: NetworkConduct): Node;
  /** How far the wall clock of any process was ever off true time. */
  clockErrorMsMax(): number;
}

export interface PoolParts {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly network: NetworkConduct;
  readonly wallSkewMsMax: number;
  readonly beforeStep: (process: SimProcess) => void;
  readonly ports: (process: SimProcess, network: NetworkConduct) => Ports;
  readonly codecs: Codecs;
  readonly rules: Rules;
  readonly producerReplayChunksMax: number;
}

export function createPool(parts: PoolParts, processCount: number): Pool {
  const { scheduler, random, trace } = parts;
  const processes: SimProcess[] = [];
  let started = 0;

  const start = (options: {
    readonly name: string;
    readonly network: NetworkConduct;
    readonly calm: boolean;
  }): Node => {
    const process = createProcess(scheduler, random.fork(), trace, {
      name: options.name,
      wallSkewMs: options.calm ? 0 : random.between(-1, 1) * parts.wallSkewMsMax,
      ...(options.calm ? {} : { beforeStep: parts.beforeStep }),
    });
    processes.push(process);
    const { codecs, rules } = parts;
    const { clock, random: chance } = process;
    const { within: attempts, ...ports } = parts.ports(process, options.network);
    const { producerReplayChunksMax } = parts;
    const engine = { ...ports, clock, random: chance, codecs, rules, producerReplayChunksMax };
    const log = openInside(process, engine);
    const groups = log.then((opened) => openGroups(engineParts(engine), opened));
    const retries = { clock, random: chance, rules };
    const within: Node['within'] = {
      hot: (part) => retryingWithin(attempts.hot(part), { ...retries, table: ports.hot }),
      catalog: (part) => retryingWithin(attempts.catalog(part), { ...retries, table: ports.catalog }),
    };
    return { process, options: engine, log, groups, within };
  };

  const nodes: Node[] = [];
  const startAt = (slot: number): void => {
    const node = start({ name: `p${started++}`, network: parts.network, calm: false });
    nodes[slot] = node;
    void node.process.gone.then(() => scheduler.schedule(random.between(1, 3_000), () => startAt(slot)));
  };
  for (let slot = 0; slot < processCount; slot++) startAt(slot);

  return {
    pick: () => {
      const alive = nodes.filter((node) => node.process.state !== 'crashed');
      return random.pick(alive.length > 0 ? alive : nodes);
    },
    startCalm: (name, network) => start({ name, network, calm: true }),
    clockErrorMsMax: () => Math.max(...processes.map(({ wallErrorMsMax }) => wallErrorMsMax)),
  };
}

const OPEN_MS_MAX = 10_000;

/** The engine's start may fail as any request may; a process that cannot open tries again a little later. */
async function openInside(process: SimProcess, options: LogOptions): Promise<Log> {
  await new Promise<void>((resolve) => {
    process.step(0, resolve);
  });
  for (;;) {
    try {
      const deadlineMs = process.clock.monotonicMs() + OPEN_MS_MAX;
      return await openLog(options, { meter: new Meter(), deadlineMs });
    } catch {
      await process.clock.sleep(200);
    }
  }
}

/**
 * A request that waits in a frozen process for this long after its client has gone is not begun: its connection is gone.
 * (Nothing in it tells its age, so no server could know that its idempotency key has long been forgotten.)
 */
const RESET_MS = 3_600_000;

/** Why a call's signal is aborted; calls may fail with it, since nobody hears them. */
export class HungUp extends Error {
  override readonly name = 'HungUp';
}

export type Reply<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'silence'; readonly why: string };

export interface Patience {
  readonly patienceMs: number;
  /** How long the process itself tries, on its own monotonic clock. */
  readonly deadlineMs: number;
}

/**
 * A client's request to a node. Resolves with the first of: answer, error, crash, the client's patience. `heard` gets
 * the answer or error whenever it comes, also after the client has given up: a frozen process may thaw weeks later.
 */
export function ask<T>(
  scheduler: Scheduler,
  node: Node,
  patience: Patience,
  act: (log: Log, call: Call) => Promise<T>,
  heard: (reply: Reply<T>) => void,
): Promise<Reply<T>> {
  const { process } = node;
  const hangUp = new AbortController();
  return new Promise((resolve) => {
    const silent = (why: string): void => resolve({ kind: 'silence', why });
    const impatience = scheduler.schedule(patience.patienceMs, () => {
      silent('the client lost patience');
      process.step(1, () => hangUp.abort(new HungUp('the client has gone')));
    });
    void process.gone.then(() => silent('the process crashed'));
    const hear = (reply: Reply<T>): void => {
      impatience.cancel();
      heard(reply);
      resolve(reply);
    };
    const resetMs = scheduler.nowMs + patience.patienceMs + RESET_MS;
    process.step(process.random.between(0.1, 2), () => {
      if (scheduler.nowMs > resetMs) return;
      const deadlineMs = process.clock.monotonicMs() + patience.deadlineMs;
      const call = { meter: new Meter(), deadlineMs, signal: hangUp.signal };
      node.log
        .then((log) => act(log, call))
        .then(
          (value) => hear({ kind: 'answer', value }),
          (error: unknown) => hear({ kind: 'error', error }),
        );
    });
  });
}

/** A request to the groups of a node. */
export function askGroups<T>(
  scheduler: Scheduler,
  node: Node,
  patience: Patience,
  act: (groups: Groups, call: Call) => Promise<T>,
  heard: (reply: Reply<T>) => void,
): Promise<Reply<T>> {
  return ask(scheduler, node, patience, async (_, call) => act(await node.groups, call), heard);
}
