import { type Consumer, createConsumer } from '../../../lib/client/consumer/consumer.ts';
import type { ConsumerOptions } from '../../../lib/client/consumer/consumer-options.ts';
import type { CommittedOffset, Groups, Vector } from '../../../lib/groups.ts';
import type { Log } from '../../../lib/log.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import {
  type MergedRegion,
  mergedCopier,
  mergedStep,
  openMergedRegion,
} from '../replication/merged/merged-regions.ts';
import { type DrivenClock, drivenClock } from './driven-clock.ts';
import { openTestClient, type TestClient, throughLog } from './support.ts';

export const PLACE = { topic: 'orders', partition: 0 };
export const GROUP = 'readers';

const DEFAULTS = { groupId: GROUP, topics: [PLACE.topic], autoOffsetReset: 'earliest' } as const;

/** Regions in which `orders` is written; a value is `<alias> <sequence>`: where its record was produced, and its offset there. */
export interface MergedWorld {
  readonly clock: DrivenClock;
  readonly regions: ReadonlyMap<string, MergedRegion>;
  region(alias: string): MergedRegion;
  produce(alias: string, count: number): Promise<void>;
  /** One chunk, if there is something to be copied. */
  copy(from: string, to: string, bytesMax?: number): Promise<void>;
  /** A process of its own. */
  process(alias: string, fetchBytes?: number): Promise<TestClient & { readonly groups: Groups }>;
  consumer(alias: string, options: Partial<ConsumerOptions>, fetchBytes?: number): Promise<Consumer>;
  /** A consumer whose process can die: nothing that it asks of the group is answered from then on. */
  mortal(
    alias: string,
    options: Partial<ConsumerOptions>,
  ): Promise<{ readonly consumer: Consumer; readonly die: () => void }>;
  committed(alias: string): Promise<CommittedOffset | undefined>;
  commit(alias: string, offset: number, vector?: Vector): Promise<void>;
}

export async function mergedWorld(...aliases: readonly string[]): Promise<MergedWorld> {
  const clock = drivenClock();
  const stepped = {
    ...clock,
    advance: () => undefined,
    stepWall: () => undefined,
    stepMonotonic: () => undefined,
  };
  const regions = new Map<string, MergedRegion>();
  for (const alias of aliases) regions.set(alias, await openMergedRegion(alias, stepped));
  const region = (alias: string): MergedRegion => {
    const found = regions.get(alias);
    if (found === undefined) throw new Error(`there is no region ${alias}`);
    return found;
  };
  const inPieces = (log: Log, maxBytes: number): Log =>
    throughLog(log, { fetch: (request, call) => log.fetch({ ...request, maxBytes }, call) });
  const process: MergedWorld['process'] = async (alias, fetchBytes = 100_000) => {
    const { storage, parts } = region(alias);
    const client = await openTestClient(storage, {
      log: (log) => inPieces(log, fetchBytes),
      groups: (log) => openGroups(parts, log),
    });
    return { ...client, groups: client.parts.groups };
  };
  return {
    clock,
    regions,
    region,
    process,
    produce: async (alias, count) => {
      const here = region(alias);
      const { offset } = await here.log.listOffsets({ ...PLACE, at: 'latest' }, here.call());
      await here.produce(Array.from({ length: count }, (_, i) => `${alias} ${offset + i}`));
    },
    copy: async (from, to, bytesMax) => {
      await mergedStep(mergedCopier(region(from), region(to)), region(to), bytesMax);
    },
    consumer: async (alias, options, fetchBytes) => {
      return createConsumer((await process(alias, fetchBytes)).parts, { ...DEFAULTS, ...options });
    },
    mortal: async (alias, options) => {
      const { parts } = await process(alias);
      let isDead = false;
      const groups = new Proxy(parts.groups, {
        get: (target, name) => {
          const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
          return (...args: unknown[]) => (isDead ? new Promise(() => undefined) : method(...args));
        },
      });
      const consumer = createConsumer({ ...parts, groups }, { ...DEFAULTS, ...options });
      return {
        consumer,
        die: () => {
          isDead = true;
        },
      };
    },
    committed: async (alias) => {
      const [found] = await (await process(alias)).groups.committed(GROUP, [PLACE], region(alias).call());
      return found;
    },
    commit: async (alias, offset, vector) => {
      const position = { ...PLACE, offset, ...(vector === undefined ? {} : { vector }) };
      const { groups } = await process(alias);
      const [result] = await groups.commit({ groupId: GROUP, offsets: [position] }, region(alias).call());
      if (result?.error !== undefined) throw result.error;
    },
  };
}

/** Where a record was produced, and its offset there. */
export function originOf(value: string): { readonly alias: string; readonly sequence: number } {
  const [alias = '', sequence = ''] = value.split(' ');
  return { alias, sequence: Number(sequence) };
}

/** Whether a vector of that region says that a record has been read. */
export function isRead(vector: Vector, here: string, value: string): boolean {
  const { alias, sequence } = originOf(value);
  return sequence < (vector.get(alias === here ? '' : alias) ?? 0);
}

/** What somebody has read who has read these, in the terms of a region. */
export function vectorOf(here: string, values: readonly string[]): Vector {
  const vector = new Map<string, number>();
  for (const value of values) {
    const { alias, sequence } = originOf(value);
    const region = alias === here ? '' : alias;
    vector.set(region, Math.max(sequence + 1, vector.get(region) ?? 0));
  }
  return vector;
}

/** Seeded, so that a failure comes again. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % below;
  };
}

/** A little of everything. */
export async function mingle(
  world: MergedWorld,
  random: (below: number) => number,
  turns: number,
): Promise<void> {
  const aliases = [...world.regions.keys()];
  const some = (): string => aliases[random(aliases.length)] ?? '';
  for (let turn = 0; turn < turns; turn += 1) {
    if (random(3) > 0) await world.produce(some(), 1 + random(3));
    const [from, to] = [some(), some()];
    if (from !== to) await world.copy(from, to, 80 + random(300));
    if (random(15) === 0) await world.region(some()).seal();
  }
}
