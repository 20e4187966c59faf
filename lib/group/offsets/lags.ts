import { MillraceError } from '../../errors.ts';
import type { CommittedOffset, PartitionLag } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import { atOnce } from '../at-once.ts';
import { noGroup } from '../describe.ts';
import type { Group } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { readGroup } from '../group-store.ts';
import type { Member } from '../members/member-item.ts';
import { readMembers } from '../members/member-store.ts';
import { checkGroupId } from '../names.ts';
import { committedInAll } from './committed.ts';
import { PLACES_AT_ONCE } from './offset-parts.ts';

/** `Groups.lags`. Every end is read after the position, so a lag is never less than it was when it was asked for. */
export async function lags(
  parts: Pick<GroupParts, 'catalog' | 'log'>,
  groupId: string,
  call: Call,
): Promise<readonly PartitionLag[]> {
  checkGroupId(groupId);
  const [{ group }, { members }] = await Promise.all([
    readGroup(parts, groupId, { consistent: true }, call),
    readMembers(parts, groupId, call),
  ]);
  if (group === undefined) throw noGroup(groupId);
  const committed = await committedInAll(parts, group, call);
  const byNumber = new Map(members.map((member) => [member.number, member]));
  const found = await atOnce(committed, PLACES_AT_ONCE, async (offset) => {
    const end = await endOf(parts, offset, call);
    return end === undefined ? undefined : lagOf(offset, end, ownerOf(group, byNumber, offset));
  });
  return found.flatMap((lag) => lag ?? []);
}

/** Undefined if the topic has been deleted just now. */
async function endOf(
  { log }: Pick<GroupParts, 'log'>,
  { topic, partition }: CommittedOffset,
  call: Call,
): Promise<number | undefined> {
  try {
    return (await log.listOffsets({ topic, partition, at: 'latest' }, call)).offset;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}

function ownerOf(
  { topics }: Group,
  byNumber: ReadonlyMap<number, Member>,
  { topicId, partition }: CommittedOffset,
): Member | undefined {
  const number = topics.find((topic) => topic.topicId === topicId)?.owner[partition];
  return number === undefined ? undefined : byNumber.get(number);
}

function lagOf(
  { topic, partition, offset }: CommittedOffset,
  logEndOffset: number,
  owner: Member | undefined,
): PartitionLag {
  return {
    topic,
    partition,
    currentOffset: offset,
    logEndOffset,
    lag: Math.max(0, logEndOffset - offset),
    memberId: owner?.memberId ?? '',
    instanceId: owner?.instanceId ?? '',
    clientId: owner?.clientId ?? '',
  };
}
