import { checkDeliveries, type DueRecord } from './check-deliveries.ts';
import { INBOX } from './group-profile.ts';
import { inboxRound, newInboxMember } from './inbox.ts';
import { heartbeat, type MemberClient, newMember, PATIENCE, takeOver } from './member-client.ts';
import { commit, poll } from './member-work.ts';
import { readPast } from './past.ts';
import { livePlaces, type Place } from './places.ts';
import { askGroups, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { readTruth, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';
import type { World } from './world.ts';

const ROUNDS_MAX = 300;
const PAUSE_MS = 700;

/**
 * After the last burst: every member is long gone. A fresh one joins each group, is given every partition, and reads on
 * to the end. I11: then the group has seen every record that is left; and nothing is stuck.
 */
export async function verifyGroups(world: World, random: SeededRandom): Promise<Violation[]> {
  const { groups } = world.profile;
  const { groupIds } = groups;
  if (groupIds.length === 0) return [];
  const node = world.pool.startCalm('drain', world.calmNetwork);
  const calm: World = {
    ...world,
    profile: { ...world.profile, groups: { ...groups, napRate: 0 } },
    pool: { ...world.pool, pick: () => node },
  };
  const truth = readTruth(world.storage, world.codecs);
  const found: Violation[] = [];
  for (const groupId of groupIds) {
    const chance = random.fork();
    const inbox = newInboxMember(calm, chance, node);
    const reader = newMember(calm, chance, groupId, undefined);
    const stuck =
      groupId === INBOX
        ? await drain(inbox.client, truth, () => inboxRound(inbox))
        : await drain(reader, truth, () => readRound(reader));
    const hasLags = stuck.length === 0 && groupId !== INBOX;
    found.push(...stuck, ...(hasLags ? await checkLags(calm, node, groupId) : []));
  }
  if (found.length > 0) return found;
  const atMs = world.scheduler.nowMs;
  const { deliveries } = world.history.groups;
  return checkDeliveries({ groupIds, deliveries, due: dueRecords(world, truth), atMs });
}

/** Until every partition is its own, read to the end and committed. */
async function drain(client: MemberClient, truth: Truth, round: () => Promise<void>): Promise<Violation[]> {
  const { world, groupId } = client;
  const places = livePlaces(world.storage);
  for (let i = 0; i < ROUNDS_MAX; i++) {
    await round();
    if (places.every((place) => isDone(client, place, truth))) return [];
    await world.scheduler.sleep(PAUSE_MS);
  }
  const state = places.map(({ pk }) => `${pk} ${JSON.stringify(client.held.get(pk))}`);
  const message = `at last, ${groupId} could not be read to the end at epoch ${client.epoch}: ${state.join(', ')}`;
  return [{ invariant: 'I11', message, atMs: world.scheduler.nowMs }];
}

async function readRound(client: MemberClient): Promise<void> {
  await heartbeat(client);
  if (client.epoch > 0) await takeOver(client);
  const held = [...client.held.values()];
  for (const one of held) await poll(client, one);
  if (client.random.chance(0.5)) await commit(client, held);
}

function isDone({ held, world, groupId }: MemberClient, { pk }: Place, truth: Truth): boolean {
  const end = truth.partitions.get(pk)?.endAt(world.scheduler.nowMs) ?? 0;
  const one = held.get(pk);
  // Where nothing is left to be read, there may be nothing to commit; without records an inbox never does.
  const reached = groupId === INBOX ? one?.position : (one?.committed ?? one?.position);
  return one !== undefined && (end === 0 || reached === end);
}

async function checkLags(world: World, node: Node, groupId: string): Promise<Violation[]> {
  const { scheduler } = world;
  const reply = await askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) => groups.lags(groupId, call),
    () => undefined,
  );
  if (reply.kind === 'answer' && reply.value.every(({ lag }) => lag === 0)) return [];
  const message = `at last, ${groupId} had read everything, and its lags were ${JSON.stringify(reply)}`;
  return [{ invariant: 'I11', message, atMs: scheduler.nowMs }];
}

/** What is left of every topic that is left. */
function dueRecords({ storage, scheduler }: World, truth: Truth): DueRecord[] {
  const past = readPast(storage, truth);
  return livePlaces(storage).flatMap(({ pk }) =>
    [...(truth.partitions.get(pk)?.records.values() ?? [])]
      .filter(({ offset }) => !past.mayBeMissing(pk, offset, scheduler.nowMs))
      .map(({ offset, text }) => ({ pk, offset, text })),
  );
}
