import { MillraceError } from '../../errors.ts';
import type { GroupHeartbeat, HeartbeatAnswer } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import type { TopicThere } from '../assign/target.ts';
import { putGroup, readGroup } from '../group-store.ts';
import { type BeatParts, coversOf, lookAfterLoss, nowOf, tidy, untilDone } from './beat-parts.ts';
import type { BeatPlan } from './beat-plan.ts';
import {
  type GroupLook,
  isLarge,
  lookAtGroup,
  lookAtMember,
  MEMBERS_PER_LOOK,
  memberOf,
} from './group-look.ts';
import { leftBehind } from './lost-members.ts';
import { type Member, memberFromItem, memberItemKey } from './member-item.ts';
import { putMember } from './member-store.ts';
import { isIdle, newSubscription, planStay, type Wish } from './plan-stay.ts';

/**
 * How many looks at everybody the members of a large group make together in one round of heartbeats: so many that the
 * dead are noticed in nearly every one, so few that they cost little beside the heartbeats themselves.
 */
const FULL_LOOKS_PER_ROUND = 4;
const HINTS_MAX = 10_000;

/**
 * A heartbeat of a member that is there. One eventually consistent request while there is nothing to do; whatever else it
 * seems to show is looked at again, consistently.
 */
export async function stay(
  parts: BeatParts,
  beat: GroupHeartbeat,
  wish: Wish,
  call: Call,
): Promise<HeartbeatAnswer> {
  const { groupId, memberId } = beat;
  const look = await quickLook(parts, beat, call);
  const looksAtTopics = isTopicLookDue(parts, look, beat, wish);
  const plan = await planned(parts, { look, beat, wish, looksAtTopics }, call);
  const own = memberOf(look, memberId);
  const isTidy = leftBehind(look.seen.group, look.members, nowOf(parts, look)).length === 0;
  if (plan.kind === 'go' && isTidy && isIdle(plan, own)) {
    const stored = plan.member === undefined ? own : await putMember(parts, groupId, plan.member, call);
    if (stored !== undefined) {
      remember(parts, look, stored);
      return plan.answer;
    }
  }
  const all = look.isComplete;
  return parts.turns.run(groupId, () => stayForSure(parts, { beat, wish, looksAtTopics, all }, call));
}

interface Staying {
  readonly beat: GroupHeartbeat;
  readonly wish: Wish;
  readonly looksAtTopics: boolean;
  /** Whether to look at all members. */
  readonly all: boolean;
}

async function stayForSure(parts: BeatParts, staying: Staying, call: Call): Promise<HeartbeatAnswer> {
  const { beat, wish } = staying;
  let { looksAtTopics } = staying;
  let look: GroupLook | undefined;
  return untilDone(
    parts,
    beat.groupId,
    async ({ rested }) => {
      if (rested) look = undefined;
      look ??= await lookForSure(parts, beat, { all: staying.all }, call);
      let plan = await planned(parts, { look, beat, wish, looksAtTopics }, call);
      if (plan.kind === 'refuse' && beat.instanceId !== undefined && !look.isComplete) {
        // Another member may have the instance by now.
        look = await lookAtGroup(parts, beat.groupId, { consistent: true, all: true }, call);
        plan = await planned(parts, { look, beat, wish, looksAtTopics }, call);
      }
      if (plan.kind === 'refuse') throw plan.error;
      if (plan.kind === 'unsure') return undefined;
      try {
        const outcome = await carryOut(parts, { look, plan, beat }, call);
        look = outcome.look;
        return outcome.answer;
      } catch (error) {
        if (!looksAtTopics || !isTooLarge(error)) throw error;
        // What has been added to the topics does not fit: the group goes on with what it has.
        looksAtTopics = false;
        return undefined;
      }
    },
    call,
  );
}

/** Puts the group, then the member. Without an answer somebody else was first; the look is what to go on with, if any. */
export async function carryOut(
  parts: BeatParts,
  step: {
    readonly look: GroupLook;
    readonly plan: BeatPlan & { readonly kind: 'go' };
    readonly beat: GroupHeartbeat;
  },
  call: Call,
): Promise<{ readonly look: GroupLook | undefined; readonly answer: HeartbeatAnswer | undefined }> {
  const { look, plan, beat } = step;
  let group = look.seen.group;
  if (plan.group !== undefined) {
    const result = await putGroup(parts, look.seen, plan.group, call);
    if (!result.stored) return { look: lookAfterLoss(look, result.seen, beat), answer: undefined };
    group = plan.group;
  }
  if (plan.member !== undefined) {
    const stored = await putMember(parts, beat.groupId, plan.member, call);
    if (stored === undefined) return { look: undefined, answer: undefined };
    remember(parts, { ...look, seen: { ...look.seen, group } }, stored);
  }
  await tidy(parts, look, group, call);
  return { look, answer: plan.answer };
}

async function planned(
  parts: BeatParts,
  step: Omit<Staying, 'all'> & { readonly look: GroupLook },
  call: Call,
): Promise<BeatPlan> {
  const { look, beat, wish, looksAtTopics } = step;
  const { group } = look.seen;
  const wished = wish.subscription === undefined ? [] : [wish.subscription];
  const covers = await coversOf(parts, group, wished);
  let there: readonly TopicThere[] | undefined;
  if (looksAtTopics && group !== undefined) {
    const subscriptions = [...group.subscriptions, ...wished];
    there = await parts.looks.look(beat.groupId, { subscriptions, known: group }, call);
  }
  return planStay(look, beat, { ...wish, nowMs: nowOf(parts, look), covers, there });
}

function isTopicLookDue(parts: BeatParts, look: GroupLook, beat: GroupHeartbeat, wish: Wish): boolean {
  const { group } = look.seen;
  const own = memberOf(look, beat.memberId);
  if (group === undefined || own === undefined) return false;
  return newSubscription(group, own, wish) !== undefined || parts.looks.isDue(beat.groupId);
}

/** Eventually consistent. In a large group the group alone, unless it is this member's turn to look at everybody. */
async function quickLook(parts: BeatParts, beat: GroupHeartbeat, call: Call): Promise<GroupLook> {
  const { groupId } = beat;
  const size = parts.sizes.get(groupId) ?? 0;
  const all = size > MEMBERS_PER_LOOK && parts.random.next() < FULL_LOOKS_PER_ROUND / size;
  if (size <= MEMBERS_PER_LOOK || all) {
    const look = await lookAtGroup(parts, groupId, { consistent: false, all }, call);
    rememberSize(parts, look);
    if (look.isComplete || memberOf(look, beat.memberId) !== undefined) return look;
    return withOwn(look, await ownItem(parts, beat, call));
  }
  const seen = await readGroup(parts, groupId, { consistent: false }, call);
  const look = { seen, members: [], isComplete: false, isConsistent: false };
  rememberSize(parts, look);
  return withOwn(look, await ownItem(parts, beat, call));
}

async function ownItem(
  parts: BeatParts,
  { groupId, memberId }: GroupHeartbeat,
  call: Call,
): Promise<Member | undefined> {
  const known = parts.owns.get(ownKey(groupId, memberId));
  if (known !== undefined) return known;
  const key = memberItemKey(groupId, memberId);
  const { item } = await parts.catalog.get(key, { consistent: false }, call);
  return item === undefined ? undefined : memberFromItem(item);
}

/** Consistent; the member is among those it shows, if it is there. */
export async function lookForSure(
  parts: BeatParts,
  { groupId, memberId }: GroupHeartbeat,
  { all }: { readonly all: boolean },
  call: Call,
): Promise<GroupLook> {
  if (all || !parts.sizes.has(groupId)) {
    const look = await lookAtGroup(parts, groupId, { consistent: true, all }, call);
    if (look.isComplete || memberOf(look, memberId) !== undefined) return look;
  }
  return lookAtMember(parts, { groupId, memberId }, call);
}

function withOwn(look: GroupLook, own: Member | undefined): GroupLook {
  return own === undefined ? look : { ...look, members: [...look.members, own] };
}

function remember(parts: BeatParts, { seen: { group, groupId } }: GroupLook, own: Member): void {
  if (!isLarge(group)) return;
  if (parts.owns.size >= HINTS_MAX) parts.owns.clear();
  parts.owns.set(ownKey(groupId, own.memberId), own);
}

function rememberSize(parts: BeatParts, { seen: { group, groupId } }: GroupLook): void {
  if (parts.sizes.size >= HINTS_MAX) parts.sizes.clear();
  if (group !== undefined && isLarge(group)) parts.sizes.set(groupId, group.roster.length);
  else parts.sizes.delete(groupId);
}

function ownKey(groupId: string, memberId: string): string {
  return `${groupId}\n${memberId}`;
}

function isTooLarge(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'GROUP_MAX_SIZE_REACHED';
}
