import type { GroupHeartbeat, HeartbeatAnswer } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import { type BeatParts, coversOf, nowOf, untilDone } from './beat-parts.ts';
import { type GroupLook, memberOf } from './group-look.ts';
import { memberItemKey } from './member-item.ts';
import { planLeave } from './plan-leave.ts';
import { carryOut, lookForSure } from './stay.ts';

/** A member leaves, for good or for a while. Its item goes after its place in the group. */
export async function leave(parts: BeatParts, beat: GroupHeartbeat, call: Call): Promise<HeartbeatAnswer> {
  const { groupId, memberId } = beat;
  let look: GroupLook | undefined;
  const attempt = async ({ rested }: { readonly rested: boolean }): Promise<HeartbeatAnswer | undefined> => {
    if (rested) look = undefined;
    // Who has the instance of a static member by now may be any of the others.
    look ??= await lookForSure(parts, beat, { all: beat.instanceId !== undefined }, call);
    const covers = await coversOf(parts, look.seen.group);
    const plan = planLeave(look, beat, { nowMs: nowOf(parts, look), covers });
    if (plan.kind === 'refuse') throw plan.error;
    if (plan.kind === 'unsure') return undefined;
    const own = memberOf(look, memberId);
    const outcome = await carryOut(parts, { look, plan, beat }, call);
    look = outcome.look;
    if (outcome.answer !== undefined && plan.group !== undefined && own !== undefined) {
      await parts.catalog.delete(memberItemKey(groupId, memberId), { ifVersion: own.version }, call);
    }
    return outcome.answer;
  };
  return parts.turns.run(groupId, () => untilDone(parts, groupId, attempt, call));
}
