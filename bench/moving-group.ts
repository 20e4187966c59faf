import { memoryBucket, memoryTable } from '../lib/adapters/memory/index.ts';
import { clientParts } from '../lib/client/client-parts.ts';
import { type Consumer, createConsumer } from '../lib/client/consumer/consumer.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import type { Groups } from '../lib/groups.ts';
import type { Log } from '../lib/log.ts';
import { openFlows } from '../lib/open-flows.ts';
import { openGroups } from '../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../lib/open-log.ts';
import { type Codecs, decodeBatch, encodeBatch } from '../lib/record/index.ts';
import { openErrands } from '../lib/replication/groups/open-errands.ts';
import { runFlow } from '../lib/replication/replicator.ts';
import type { Sources } from '../lib/replication/source-region.ts';
import type { Call } from '../lib/storage/call.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import { Meter } from '../lib/storage/meter.ts';
import { type DrivenClock, drivenClock } from '../test/unit/client/driven-clock.ts';
import { random } from './segment-log.ts';

export const TOPIC = 'orders';
const PARTITIONS = 16;
const GROUP = 'flights';
const MEMBERS = 8;
/** Of each region that is written. */
export const RECORDS_PER_SECOND = 10;
/** Between two runs of a replicator, and how long a run waits for more. */
const RUN_PAUSE_MS = 5_000;
const RUN_IDLE_MS = 1_000;
const RUN_MS = 60_000;
/** A record is copied so long after it was produced at the latest. */
export const LAG_MS: number = RUN_PAUSE_MS + RUN_IDLE_MS;

/** A region in memory, of which everything may be lost. */
export interface MovingRegion {
  readonly alias: string;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly groups: Groups;
  /** Records as `<where it was produced> <number>`. */
  values(topic: string): Promise<string[]>;
}

/** Two regions, the flows between them and their producers, on virtual time. */
export interface MovingScene {
  readonly clock: DrivenClock;
  readonly west: MovingRegion;
  readonly east: MovingRegion;
  /** All members of the group join in a region; each is a process of its own. */
  join(region: MovingRegion, topic: string, options: JoinOptions): ReadingGroup;
  /** Nothing and nobody in the west answers any more. */
  loseWest(): void;
  stopProducing(): Promise<void>;
  stop(): Promise<void>;
}

export interface JoinOptions {
  /** Whether its consumers know of vectors; others see offsets alone. */
  readonly readsVectors: boolean;
}

export interface ReadingGroup {
  /** In the order in which they were given to anybody. */
  readonly read: readonly string[];
  /** Everything that was given is committed. */
  close(): Promise<void>;
  /** Its processes end; nobody commits. */
  die(): void;
}

/** `merged`: both regions are written and copy from each other; else the west is written, and copied into the east. */
export async function openScene(codecs: Codecs, policy: 'prefixed' | 'merged'): Promise<MovingScene> {
  const clock = drivenClock();
  const lost = new Set<string>();
  const open = (alias: string): Promise<MovingRegion & { readonly storage: LogOptions }> =>
    openRegion(codecs, { alias, clock, isLost: () => lost.has(alias) });
  const [west, east] = [await open('west'), await open('east')];
  const sources: Sources = async (alias) => (alias === 'west' ? west.parts : east.parts);
  const isOver = { producing: false, copying: false };
  const written = policy === 'merged' ? [west, east] : [west];
  for (const { log } of written) {
    await log.createTopic({ name: TOPIC, partitionCount: PARTITIONS }, newCall(clock));
  }

  const produce = async ({ alias, log }: MovingRegion): Promise<void> => {
    for (let i = 0; !isOver.producing && !lost.has(alias); i += 1) {
      const record = { key: null, value: Buffer.from(`${alias} ${i}`), headers: [], timestampMs: 1e12 };
      const batches = encodeBatch(codecs, [record], { compression: 'none' });
      const place = { topic: TOPIC, partition: (i * 7) % PARTITIONS };
      await log.produce({ ...place, batches }, newCall(clock)).catch(unlessLost(lost, alias));
      await clock.sleep(1_000 / RECORDS_PER_SECOND);
    }
  };
  const copy = async (target: MovingRegion, source: MovingRegion): Promise<void> => {
    const flows = openFlows(target.parts, { region: target.alias, sources });
    await flows.create({ source: source.alias, policy, topics: [TOPIC], groups: ['.*'] }, newCall(clock));
    const errands = openErrands(target.parts, { region: target.alias });
    const onFault = unlessLost(lost, source.alias);
    while (!isOver.copying && !lost.has(target.alias)) {
      const time = { idleMs: RUN_IDLE_MS, deadlineMs: clock.monotonicMs() + RUN_MS };
      const parts = { target: target.parts, region: target.alias, sources, errands, onFault };
      await runFlow(parts, source.alias, time).catch(unlessLost(lost, target.alias));
      await clock.sleep(RUN_PAUSE_MS);
    }
  };
  const producers = written.map(produce);
  const replicators = [copy(east, west), ...(policy === 'merged' ? [copy(west, east)] : [])];
  const stopProducing = async (): Promise<void> => {
    isOver.producing = true;
    await Promise.all(producers);
  };
  return {
    ...{ clock, west, east, stopProducing },
    join: ({ alias }, topic, options) =>
      joinGroup(codecs, { storage: alias === 'west' ? west.storage : east.storage, topic }, options),
    loseWest: () => void lost.add('west'),
    stop: async () => {
      isOver.copying = true;
      await Promise.all([stopProducing(), ...replicators]);
      clock.stop();
    },
  };
}

const newCall = (clock: DrivenClock): Call => ({
  meter: new Meter(),
  deadlineMs: clock.monotonicMs() + 30_000,
});

/** Whatever else goes wrong, the bench must not go on. */
const unlessLost =
  (lost: ReadonlySet<string>, alias: string) =>
  (fault: unknown): void => {
    if (!lost.has(alias)) throw fault;
  };

async function openRegion(
  codecs: Codecs,
  { alias, clock, isLost }: { alias: string; clock: DrivenClock; isLost: () => boolean },
): Promise<MovingRegion & { readonly storage: LogOptions }> {
  const reached = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          if (isLost()) throw new StorageFault('interrupted', `${alias} does not answer`);
          return value.apply(target, given);
        };
      },
    });
  const storage: LogOptions = {
    hot: reached(memoryTable<number>({ clock })),
    catalog: reached(memoryTable<string>({ clock })),
    bucket: reached(memoryBucket({ clock })),
    ...{ clock, random, codecs },
  };
  const log = await openLog(storage, newCall(clock));
  const parts = engineParts(storage);
  return {
    ...{ alias, storage, parts, log },
    groups: openGroups(parts, log),
    values: async (topic) => {
      const values: string[] = [];
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        for (let offset = 0; ; ) {
          const read = await log.fetch({ topic, partition, offset }, newCall(clock));
          values.push(...read.batches.flatMap((batch) => valuesOf(codecs, batch)));
          if (read.nextOffset === offset) break;
          offset = read.nextOffset;
        }
      }
      return values;
    },
  };
}

const valuesOf = (codecs: Codecs, batch: Uint8Array): string[] =>
  decodeBatch(codecs, batch).map(({ value }) => Buffer.from(value ?? []).toString());

function joinGroup(
  codecs: Codecs,
  { storage, topic }: { readonly storage: LogOptions; readonly topic: string },
  { readsVectors }: JoinOptions,
): ReadingGroup {
  const read: string[] = [];
  const { clock } = storage;
  const isDead = { now: false };
  const member = async (): Promise<{ readonly consumer: Consumer; readonly loop: Promise<void> }> => {
    const meter = new Meter();
    const log = await openLog(storage, { meter, deadlineMs: clock.monotonicMs() + 30_000 });
    const groups = openGroups(engineParts(storage), log);
    const known = readsVectors ? groups : withoutVectors(groups);
    const parts = clientParts({ log, groups: known, codecs, clock, random: storage.random, meter });
    const settings = { groupId: GROUP, topics: [topic], autoOffsetReset: 'earliest' } as const;
    const consumer = createConsumer(parts, settings);
    const loop = (async () => {
      for await (const { value } of consumer) if (!isDead.now) read.push(value?.toString() ?? '');
    })();
    return {
      consumer,
      loop: loop.catch((fault: unknown) => (isDead.now ? undefined : Promise.reject(fault))),
    };
  };
  const members = Array.from({ length: MEMBERS }, member);
  return {
    read,
    close: async () => {
      await Promise.all(
        members.map(async (opened) => {
          const { consumer, loop } = await opened;
          await consumer.close();
          await loop;
        }),
      );
    },
    die: () => {
      isDead.now = true;
      for (const opened of members)
        void opened.then(({ consumer }) => consumer.close().catch(() => undefined));
    },
  };
}

/** As other clients see them. */
function withoutVectors(groups: Groups): Groups {
  return {
    ...groups,
    takeOver: async (request, call) =>
      (await groups.takeOver(request, call)).map(({ committed, ...taken }) => {
        if (committed === undefined) return taken;
        const { vector: _, ...plain } = committed;
        return { ...taken, committed: plain };
      }),
  };
}
