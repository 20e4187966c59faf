import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { NewFlow } from '../../../../lib/flows.ts';
import { readGroup } from '../../../../lib/group/group-store.ts';
import { offsetsOf } from '../../../../lib/group/offsets/committed.ts';
import type { StandingOffset } from '../../../../lib/group/offsets/offset-item.ts';
import type { Groups } from '../../../../lib/groups.ts';
import { openGroups } from '../../../../lib/open-groups.ts';
import { decodeBatch } from '../../../../lib/record/index.ts';
import type { ErrandContext, FlowErrand } from '../../../../lib/replication/flow-run.ts';
import type { KeyAndValue } from '../../../../lib/replication/groups/mirror-records.ts';
import { openErrands } from '../../../../lib/replication/groups/open-errands.ts';
import type { Rules } from '../../../../lib/rules.ts';
import { codecs } from '../../../support/log-on-memory.ts';
import { type FlowWorld, flowWorld } from '../flows/flow-world.ts';

/** Regions whose groups travel with their records. */
export interface GroupWorld {
  readonly world: FlowWorld;
  groups(region: string): Groups;
  errands(region: string): readonly FlowErrand[];
  /** Runs a flow once, its errands done. */
  carry(target: string, source: string, lastMs?: number): Promise<void>;
  /** Commits from outside the group, as local clients without membership do. */
  commit(region: string, topic: string, offset: number, groupId?: string): Promise<void>;
  position(region: string, topic: string, groupId?: string): Promise<number | undefined>;
  /** The items of a group's positions. */
  standing(region: string, groupId?: string): Promise<readonly StandingOffset[]>;
  /** A member that owns every partition of a topic. Answers where it goes on in partition 0. */
  join(region: string, topic: string, groupId?: string): Promise<GroupMember>;
  /** What stands in a topic of one partition. */
  mirrored(region: string, topic: string): Promise<readonly KeyAndValue[]>;
}

export interface GroupMember {
  readonly position: number | undefined;
  commit(offset: number): Promise<string>;
  leave(): Promise<void>;
}

export const GROUP = 'g';

export interface GroupWorldOptions {
  readonly rules?: Partial<Rules>;
  /** How far the clocks of a region are off. */
  readonly skewMs?: Readonly<Record<string, number>>;
}

/** `flows`: each as target, source and what it is like. */
export async function groupWorld(
  aliases: readonly string[],
  flows: readonly (readonly [target: string, source: string, flow?: Partial<NewFlow>])[],
  options: GroupWorldOptions = {},
): Promise<GroupWorld> {
  const world = await flowWorld(aliases, options.rules, options.skewMs);
  const groups = new Map<string, Groups>();
  const errands = new Map<string, readonly FlowErrand[]>();
  for (const alias of aliases) {
    const { parts, log } = world.region(alias);
    groups.set(alias, openGroups(parts, log));
    errands.set(alias, openErrands(parts, { region: alias }));
  }
  for (const [target, source, flow] of flows) await world.flow(target, { source, ...flow });
  const groupsOf = (alias: string): Groups => {
    const found = groups.get(alias);
    if (found === undefined) throw new Error(`no region ${alias}`);
    return found;
  };
  const errandsOf = (alias: string): readonly FlowErrand[] => errands.get(alias) ?? [];

  return {
    world,
    groups: groupsOf,
    errands: errandsOf,
    carry: async (target, source, lastMs = 20_000) => {
      await world.run(target, source, { idleMs: lastMs, errands: errandsOf(target) });
    },
    commit: async (region, topic, offset, groupId = GROUP) => {
      const offsets = [{ topic, partition: 0, offset }];
      const [result] = await groupsOf(region).commit({ groupId, offsets }, world.call());
      if (result?.error !== undefined) throw result.error;
    },
    position: async (region, topic, groupId = GROUP) => {
      const place = { topic, partition: 0 };
      const [found] = await groupsOf(region).committed(groupId, [place], world.call());
      return found?.offset;
    },
    standing: async (region, groupId = GROUP) => {
      const { parts } = world.region(region);
      const { group } = await readGroup(parts, groupId, { consistent: true }, world.call());
      if (group === undefined) return [];
      const found: StandingOffset[] = [];
      for await (const page of offsetsOf(parts, group.incarnation, world.call())) found.push(...page);
      return found;
    },
    join: (region, topic, groupId = GROUP) => join(world, groupsOf(region), { topic, groupId }),
    mirrored: async (region, topic) => {
      const { log } = world.region(region);
      const { batches } = await log.fetch({ topic, partition: 0, offset: 0 }, world.call());
      return batches
        .flatMap((batch) => decodeBatch(codecs, batch))
        .flatMap(({ key, value }) => (key === null || value === null ? [] : [{ key, value }]));
    },
  };
}

async function join(
  world: FlowWorld,
  groups: Groups,
  { topic, groupId }: { readonly topic: string; readonly groupId: string },
): Promise<GroupMember> {
  const memberId = `member-${world.clock.monotonicMs()}-${Math.random()}`;
  const beat = { groupId, memberId, owned: [] };
  const joined = await groups.heartbeat(
    { ...beat, memberEpoch: 0, subscription: { topics: [topic] } },
    world.call(),
  );
  let { memberEpoch } = joined;
  for (let beats = 0; beats < 3; beats += 1) {
    const owned = joined.assignment ?? [];
    memberEpoch = (await groups.heartbeat({ groupId, memberId, memberEpoch, owned }, world.call()))
      .memberEpoch;
  }
  const member = { memberId, memberEpoch };
  const places = [{ topic, partition: 0 }];
  const [taken] = await groups.takeOver({ groupId, ...member, places }, world.call());
  if (taken?.error !== undefined) throw taken.error;
  return {
    position: taken?.committed?.offset,
    commit: async (offset) => {
      const offsets = [{ topic, partition: 0, offset }];
      const [result] = await groups.commit({ groupId, member, offsets }, world.call());
      return result?.error?.code ?? 'ok';
    },
    leave: async () => {
      await groups.heartbeat({ groupId, memberId, memberEpoch: -1 }, world.call());
    },
  };
}

/** Copies eu from us and us from eu. */
export const BOTH = [
  ['eu', 'us'],
  ['us', 'eu'],
] as const;

/** Two regions that copy from each other, and `orders` in `us` with 100 records in its only partition. */
export async function pair(options: GroupWorldOptions = {}): Promise<GroupWorld> {
  const g = await groupWorld(['us', 'eu'], BOTH, options);
  await fill(g, 'us', 'orders', 100);
  return g;
}

/** Copies eu from us, and answers what carries positions alone, by a replicator of its own, and copies no more. */
export async function errandOf(
  { world }: GroupWorld,
  target: EngineParts = world.region('eu').parts,
): Promise<() => Promise<void>> {
  let context: ErrandContext | undefined;
  const spy = {
    name: 'seeing what errands are given',
    everyMs: 1_000,
    run: async (given: ErrandContext) => {
      context = given;
    },
  };
  await world.run('eu', 'us', { errands: [spy] });
  const [errand] = openErrands(target, { region: 'eu' });
  const given = context;
  if (errand === undefined || given === undefined) throw new Error('no errand was run');
  return () => errand.run(given, world.call());
}

/** Fills partition 0 of a topic, which is made if need be. */
export async function fill(
  { world }: GroupWorld,
  region: string,
  topic: string,
  count: number,
): Promise<void> {
  if (!(await world.topics(region)).includes(topic)) {
    await world.region(region).log.createTopic({ name: topic, partitionCount: 1 }, world.call());
  }
  await world.produce(region, topic, 0, ...Array.from({ length: count }, (_, i) => `${region}${i}`));
}
