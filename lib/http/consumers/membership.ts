import { MillraceError } from '../../errors.ts';
import type { AssignedTopic, GroupSubscription, HeartbeatAnswer, TakenPosition } from '../../groups.ts';
import { HttpError } from '../http-error.ts';
import { autoCommit, noteUnexpected } from './commit.ts';
import { type ConsumerInstance, isMember, type Selection } from './instance.ts';
import { INSTANCE_TIMEOUT_MS, MEMBER_SESSION_MS } from './instance-store.ts';
import type { ConsumerParts } from './parts.ts';
import { ownedBy, planHeld, type TakenPlace } from './plan-held.ts';
import { startPositions } from './start-positions.ts';

export interface KeepOptions {
  /**
   * Whether the client is done with what it has read, as it is when it reads on: only then is anything given up. A
   * client that takes its time keeps its partitions for as long as its group waits.
   */
  readonly mayGiveUp: boolean;
  /** Whether the group has to be told of the subscription. @default false; one that joins always tells */
  readonly resubscribes?: boolean;
}

/** Give up, take, and find that there is nothing more to do; the next call goes on if it was not enough. */
const STEPS_MAX = 4;

/**
 * A heartbeat, and what follows from it: what is to be given up is committed (with auto commit) and given up, what is
 * newly assigned is taken over before its position is read. A member that the group has lost joins again.
 * INVALID_REGULAR_EXPRESSION, GROUP_MAX_SIZE_REACHED and other errors of `Groups.heartbeat`.
 */
export async function keepMembership(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  { mayGiveUp, resubscribes = false }: KeepOptions,
): Promise<ConsumerInstance> {
  if (!isMember(instance)) return instance;
  let now = instance;
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const told = await heartbeat(parts, now, { tellsSubscription: resubscribes && step === 0 });
    now = told.instance;
    if (told.assignment === undefined) return now;
    const { giveUp, keep, take } = planHeld(now.held, told.assignment);
    const gives = mayGiveUp && giveUp.length > 0;
    if (gives) now = { ...(await autoCommit(parts, now, giveUp)), held: keep };
    const taken = take.length === 0 ? now : await takeOver(parts, now, take);
    now = taken ?? lost(now);
    if (!gives && taken !== undefined) return now;
  }
  return now;
}

/**
 * A heartbeat of a call that is only of use to the member that it comes from: one that has been lost does not join again.
 * 409 with code 40903 then.
 */
export async function stillMember(
  parts: ConsumerParts,
  instance: ConsumerInstance,
): Promise<ConsumerInstance> {
  if (!isMember(instance)) return instance;
  try {
    return told(instance, await send(parts, instance, { tellsSubscription: false })).instance;
  } catch (error) {
    throw asConflict(error);
  }
}

/** To the client its instance is there: it is only no member of its group any more. */
export function asConflict(error: unknown): unknown {
  if (!(error instanceof MillraceError) || !isLost(error)) return error;
  return new HttpError({ status: 409, restCode: 40903, kafkaError: error.code }, error.message);
}

/** Leaves the group, if it is in one. */
export async function leaveGroup(
  { groups, call }: ConsumerParts,
  { groupId, memberId, memberEpoch }: ConsumerInstance,
): Promise<void> {
  if (memberEpoch <= 0) return;
  try {
    await groups.heartbeat({ groupId, memberId, memberEpoch: -1 }, call);
  } catch (error) {
    if (!isLost(error)) throw error;
  }
}

/** Whether the group does not know the member any more, or not in this epoch. */
const isLost = (error: unknown): boolean =>
  error instanceof MillraceError &&
  (error.code === 'UNKNOWN_MEMBER_ID' || error.code === 'FENCED_MEMBER_EPOCH');

/** What is left of a member that its group has given up. */
const lost = (instance: ConsumerInstance): ConsumerInstance => ({ ...instance, memberEpoch: 0, held: [] });

interface Told {
  readonly instance: ConsumerInstance;
  /** Undefined: as before. */
  readonly assignment: readonly AssignedTopic[] | undefined;
}

async function heartbeat(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  options: { readonly tellsSubscription: boolean },
): Promise<Told> {
  try {
    return told(instance, await send(parts, instance, options));
  } catch (error) {
    if (!isLost(error) || instance.memberEpoch === 0) throw error;
    const anew = lost(instance);
    return told(anew, await send(parts, anew, options));
  }
}

function told(instance: ConsumerInstance, { memberEpoch, assignment }: HeartbeatAnswer): Told {
  const now = memberEpoch === instance.memberEpoch ? instance : { ...instance, memberEpoch };
  return { instance: now, assignment };
}

function send(
  { groups, call }: ConsumerParts,
  { groupId, memberId, memberEpoch, name, selection, held }: ConsumerInstance,
  { tellsSubscription }: { readonly tellsSubscription: boolean },
): Promise<HeartbeatAnswer> {
  const joins = memberEpoch === 0;
  return groups.heartbeat(
    {
      groupId,
      memberId,
      memberEpoch,
      owned: ownedBy(held),
      ...(joins
        ? {
            clientId: name,
            sessionTimeoutMs: MEMBER_SESSION_MS,
            rebalanceTimeoutMs: INSTANCE_TIMEOUT_MS,
          }
        : {}),
      ...(joins || tellsSubscription ? { subscription: subscriptionOf(selection) } : {}),
    },
    call,
  );
}

function subscriptionOf(selection: Selection): GroupSubscription {
  switch (selection.kind) {
    case 'topics':
      return { topics: selection.topics };
    case 'pattern':
      return { topicRegex: selection.pattern };
    default:
      return {};
  }
}

/** A partition that could not be taken is left out, for the next call. Undefined: it is no member. */
async function takeOver(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  places: readonly TakenPlace[],
): Promise<ConsumerInstance | undefined> {
  const { groupId, memberId, memberEpoch } = instance;
  let taken: readonly TakenPosition[];
  try {
    taken = await parts.groups.takeOver({ groupId, memberId, memberEpoch, places }, parts.call);
  } catch (error) {
    if (isLost(error)) return undefined;
    throw error;
  }
  for (const { error } of taken) noteUnexpected(parts, error);
  const own = taken.filter(({ error }) => error === undefined);
  const held = [...instance.held, ...(await startPositions(parts, instance, own))];
  return { ...instance, held: held.sort(byPlace) };
}

function byPlace(a: TakenPlace, b: TakenPlace): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}
