import { MillraceError } from '../../../lib/errors.ts';
import type { AssignedTopic, CommittedOffset } from '../../../lib/groups.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { SECOND_MS } from '../durations.ts';
import type { SeededRandom } from '../random.ts';
import { recordsOf } from './copied-truth.ts';
import { inEveryEra, quietly, TOPIC_PATTERN } from './region-clients.ts';
import type { Machine, RegionsWorld } from './regions-world.ts';
import { type Skipping, skipping } from './skipping.ts';

/** The group whose members read in one region after another, and commit only what they were given. */
export const MOVERS = 'movers';

const SESSION_MS = 10 * SECOND_MS;
const ROUNDS_MAX = 300;

/** A partition that a member reads. */
interface Held {
  readonly pk: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Undefined: at the beginning of the log. */
  position: number | undefined;
  committed: number | undefined;
  read: Skipping;
}

interface Member {
  readonly world: RegionsWorld;
  readonly machine: Machine;
  readonly memberId: string;
  epoch: number;
  assigned: readonly AssignedTopic[];
  readonly held: Map<string, Held>;
}

/** Where the group is in each burst of work: whoever sits in a seat goes there, but for one who has not heard of it. */
export async function runMover(world: RegionsWorld, random: SeededRandom): Promise<void> {
  const { scheduler, profile } = world;
  await inEveryEra(world, async () => {
    const moves = 1 + random.integer(3);
    for (let move = 0; move < moves; move += 1) {
      const alias = random.pick(profile.aliases);
      await scheduler.sleep(random.next() * 15_000);
      const machine = await world.machine(alias, `mover ${world.next()}`, 'mortal');
      const rounds = 2 + random.integer(8);
      const ended = quietly(world, 'reading in a group', () => sit(world, machine, random, rounds));
      await Promise.race([ended, machine.process.gone, scheduler.sleep(90_000)]);
    }
  });
}

async function sit(
  world: RegionsWorld,
  machine: Machine,
  random: SeededRandom,
  rounds: number,
): Promise<void> {
  const member = newMember(world, machine);
  for (let round = 0; round < rounds; round += 1) {
    await beat(member);
    for (const held of member.held.values()) {
      if (random.chance(0.8)) await readOn(member, held);
    }
    if (random.chance(0.7)) await commit(member);
    await machine.process.clock.sleep(random.next() * 4_000);
  }
  if (random.chance(0.7)) await leave(member);
}

/** Everything that is in a region, from where the group stands there, by one who neither fails nor tires. */
export async function readToTheEnd(world: RegionsWorld, alias: string): Promise<readonly string[]> {
  const machine = await world.machine(alias, 'last mover', 'calm');
  const member = newMember(world, machine);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await beat(member);
    const before = [...member.held.values()].map(({ position }) => position).join();
    for (const held of member.held.values()) await readOn(member, held);
    await commit(member);
    const after = [...member.held.values()].map(({ position }) => position).join();
    const isWhole = member.assigned.flatMap(({ partitions }) => partitions).length === member.held.size;
    if (isWhole && before === after && member.held.size > 0) {
      await leave(member);
      return [];
    }
    await world.scheduler.sleep(1_000);
  }
  return [`${alias}: the group does not come to the end`];
}

function newMember(world: RegionsWorld, machine: Machine): Member {
  const memberId = machine.process.random.uuid();
  return { world, machine, memberId, epoch: 0, assigned: [], held: new Map() };
}

/** Tells what it has, gives up what it is not to have any more, and takes over what it is to have. */
async function beat(member: Member): Promise<void> {
  const { machine, memberId, held } = member;
  const { groups, call } = machine;
  const joining = {
    clientId: machine.region.alias,
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: SESSION_MS,
    subscription: { topicRegex: TOPIC_PATTERN },
  };
  const answer = await groups.heartbeat(
    {
      ...{ groupId: MOVERS, memberId, memberEpoch: member.epoch, owned: ownedBy(member) },
      ...(member.epoch === 0 ? joining : {}),
    },
    call(),
  );
  member.epoch = answer.memberEpoch;
  member.assigned = answer.assignment ?? member.assigned;
  const assigned = new Set(placesIn(member.assigned).map(({ pk }) => pk));
  for (const pk of held.keys()) if (!assigned.has(pk)) held.delete(pk);
  await takeOver(member);
}

async function leave({ machine: { groups, call }, memberId }: Member): Promise<void> {
  await groups.heartbeat({ groupId: MOVERS, memberId, memberEpoch: -1 }, call());
}

function ownedBy({ held, assigned }: Member): AssignedTopic[] {
  return assigned
    .map(({ partitions, ...topic }) => ({
      ...topic,
      partitions: partitions.filter((partition) => held.has(partitionKey(topic.topicId, partition))),
    }))
    .filter(({ partitions }) => partitions.length > 0);
}

function placesIn(
  assigned: readonly AssignedTopic[],
): Pick<Held, 'pk' | 'topic' | 'topicId' | 'partition'>[] {
  return assigned.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic, topicId, partition, pk: partitionKey(topicId, partition) })),
  );
}

async function takeOver({ machine, memberId, epoch, assigned, held }: Member): Promise<void> {
  const places = placesIn(assigned).filter(({ pk }) => !held.has(pk));
  if (places.length === 0) return;
  const request = { groupId: MOVERS, memberId, memberEpoch: epoch, places };
  const taken = await machine.groups.takeOver(request, machine.call());
  for (const { topic, topicId, partition, committed, error } of taken) {
    const pk = partitionKey(topicId, partition);
    // A topic that was made anew in the meantime has another id; the next heartbeat tells of it.
    if (error !== undefined || !places.some((place) => place.pk === pk)) continue;
    held.set(pk, { pk, topic, topicId, partition, ...fromCommitted(committed) });
  }
}

function fromCommitted(
  committed: CommittedOffset | undefined,
): Pick<Held, 'position' | 'committed' | 'read'> {
  const position = committed?.offset;
  return { position, committed: position, read: skipping(committed) };
}

async function readOn({ world, machine }: Member, held: Held): Promise<void> {
  const { log, call, region, process } = machine;
  const { topic, topicId, partition, read } = held;
  const place = { topic, topicId, partition };
  await quietly(world, 'reading on', async () => {
    held.position ??= (await log.listOffsets({ ...place, at: 'earliest' }, call())).offset;
    const offset = held.position;
    const maxBytes = process.random.next() < 0.5 ? 1_000 : 1_000_000;
    const fetched = await log.fetch({ ...place, offset, maxBytes }, call()).catch((error: unknown) => {
      // Retention has overtaken it: it goes on with what is left.
      if (error instanceof MillraceError && error.code === 'OFFSET_OUT_OF_RANGE') held.position = undefined;
      throw error;
    });
    const records = fetched.batches.flatMap((batch) => recordsOf(world.codecs, batch));
    const next = records.filter((record) => record.offset >= offset);
    const texts = read.given(next, { ...fetched, from: offset }).map(({ text }) => text);
    held.position = fetched.nextOffset;
    if (texts.length > 0) world.deliveries.push({ alias: region.alias, atMs: world.scheduler.nowMs, texts });
  });
}

async function commit({ world, machine, memberId, epoch, held }: Member): Promise<void> {
  const { groups, call, region } = machine;
  const news = [...held.values()].filter(({ position, committed }) => (position ?? 0) > (committed ?? 0));
  if (news.length === 0) return;
  const offsets = news.map(({ topic, topicId, partition, position = 0, read }) => {
    const vector = read.vectorAt(position);
    const metadata = `${region.alias}#${world.next()}`;
    return { topic, topicId, partition, offset: position, metadata, ...(vector ? { vector } : {}) };
  });
  const member = { memberId, memberEpoch: epoch };
  const results = await groups.commit({ groupId: MOVERS, member, offsets }, call());
  for (const [i, { error }] of results.entries()) {
    const one = news[i];
    if (one !== undefined && error === undefined) one.committed = offsets[i]?.offset;
  }
}
