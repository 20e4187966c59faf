import { MillraceError } from '../../errors.ts';
import type { Call } from '../../storage/call.ts';
import type { Group } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { readGroup } from '../group-store.ts';
import type { Member } from './member-item.ts';
import { isInRoster, readMember, readMembers } from './member-store.ts';

export interface MemberClaim {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId?: string;
  /** What a caller with another epoch is told: his own request may still be right after a heartbeat. */
  readonly wrongEpoch: 'FENCED_MEMBER_EPOCH' | 'STALE_MEMBER_EPOCH';
}

export interface SeenMembership {
  readonly group: Group;
  readonly member: Member;
}

/**
 * The group and the member that claims to belong to it, both consistent, at the price of two reads. ⚑ The group first: a
 * member that comes back may keep its number, but its item says so before the group does. So a request from before it was
 * expelled finds either a group in which that is not so yet, or an item with a later epoch. The member's last epoch but one
 * is good enough: the answer with the last one may be on its way. UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, `wrongEpoch`.
 */
export async function seeMember(
  parts: Pick<GroupParts, 'catalog'>,
  claim: MemberClaim,
  call: Call,
): Promise<SeenMembership> {
  const { groupId, memberId, memberEpoch, wrongEpoch } = claim;
  const { group } = await readGroup(parts, groupId, { consistent: true }, call);
  const { member } = await readMember(parts, groupId, memberId, call);
  if (group === undefined || member === undefined || !isInRoster(group, member)) {
    throw await noMember(parts, claim, group, call);
  }
  if (memberEpoch !== member.memberEpoch && memberEpoch !== member.previousEpoch) {
    const message = `Member '${memberId}' of group '${groupId}' is at epoch ${member.memberEpoch}, not ${memberEpoch}`;
    throw new MillraceError(wrongEpoch, message);
  }
  return { group, member };
}

async function noMember(
  parts: Pick<GroupParts, 'catalog'>,
  { groupId, memberId, instanceId }: MemberClaim,
  group: Group | undefined,
  call: Call,
): Promise<MillraceError> {
  if (group !== undefined && instanceId !== undefined) {
    const { members } = await readMembers(parts, groupId, call);
    const other = members.find((member) => member.instanceId === instanceId && isInRoster(group, member));
    if (other !== undefined) {
      const message = `Instance '${instanceId}' of group '${groupId}' goes on as member '${other.memberId}'`;
      return new MillraceError('FENCED_INSTANCE_ID', message);
    }
  }
  return new MillraceError('UNKNOWN_MEMBER_ID', `Group '${groupId}' has no member '${memberId}'`);
}
