import { MillraceError } from '../errors.ts';
import type {
  AssignedTopic,
  GroupDescription,
  GroupListing,
  GroupState,
  GroupSubscription,
  MemberDescription,
} from '../groups.ts';
import type { Call } from '../storage/call.ts';
import { atOnce } from './at-once.ts';
import type { Group } from './group-item.ts';
import type { GroupParts } from './group-parts.ts';
import { readGroup } from './group-store.ts';
import { AWAY, type Member } from './members/member-item.ts';
import { isInRoster, readMembers } from './members/member-store.ts';
import { checkGroupId } from './names.ts';
import { pagesOf } from './pages.ts';
import { GROUPS_KEY } from './registry.ts';

const GROUPS_AT_ONCE = 16;
const PAGE_ITEMS = 1_000;

type Dependencies = Pick<GroupParts, 'catalog'>;

/** `Groups.list`: the list of groups, and each of them for its state. */
export async function listGroups(parts: Dependencies, call: Call): Promise<readonly GroupListing[]> {
  const listings: GroupListing[] = [];
  // An entry may stand for a group that is not there.
  for await (const { items } of pagesOf(parts.catalog, GROUPS_KEY, { limit: PAGE_ITEMS }, call)) {
    const found = await atOnce(items, GROUPS_AT_ONCE, async ({ sk: groupId }) => {
      // Old answers would do, but one group more or less is what somebody waits for who has just created or deleted it.
      const { group } = await readGroup(parts, groupId, { consistent: true }, call);
      return group === undefined ? undefined : listingOf(group, await stateOf(parts, group, call));
    });
    listings.push(...found.flatMap((listing) => listing ?? []));
  }
  return listings.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/** `Groups.describe`. */
export async function describeGroup(
  parts: Dependencies,
  groupId: string,
  call: Call,
): Promise<GroupDescription> {
  checkGroupId(groupId);
  const [{ group }, { members }] = await Promise.all([
    readGroup(parts, groupId, { consistent: true }, call),
    readMembers(parts, groupId, call),
  ]);
  if (group === undefined) throw noGroup(groupId);
  const present = members.filter((member) => isInRoster(group, member));
  return {
    ...listingOf(group, stateWith(group, present)),
    members: present.map((member) => memberDescription(group, member)),
  };
}

function listingOf({ groupId, groupEpoch, assignor }: Group, state: GroupState): GroupListing {
  return { groupId, state, groupEpoch, assignor, isSimple: groupEpoch === 0 };
}

export function noGroup(groupId: string): MillraceError {
  return new MillraceError('GROUP_ID_NOT_FOUND', `Group '${groupId}' does not exist`);
}

/** The members are read only where they decide. */
async function stateOf(parts: Dependencies, group: Group, call: Call): Promise<GroupState> {
  if (group.roster.length === 0 || !isSettled(group)) return stateWith(group, []);
  const { members } = await readMembers(parts, group.groupId, call);
  return stateWith(
    group,
    members.filter((member) => isInRoster(group, member)),
  );
}

/** STABLE: everybody owns what it is meant to and knows so. */
function stateWith(group: Group, members: readonly Member[]): GroupState {
  if (group.roster.length === 0) return 'EMPTY';
  const knows = ({ memberEpoch }: Member): boolean => memberEpoch === AWAY || memberEpoch >= group.groupEpoch;
  return isSettled(group) && members.every(knows) ? 'STABLE' : 'RECONCILING';
}

function isSettled({ topics }: Group): boolean {
  return topics.every(({ owner, target }) =>
    owner.every((number, partition) => number === target[partition]),
  );
}

function memberDescription(group: Group, member: Member): MemberDescription {
  const { memberId, memberEpoch, instanceId, clientId, number } = member;
  return {
    memberId,
    memberEpoch,
    ...(instanceId === '' ? {} : { instanceId }),
    clientId,
    subscription: subscriptionOf(group, member),
    assignment: partsOf(group, number, 'owner'),
    target: partsOf(group, number, 'target'),
  };
}

function subscriptionOf(group: Group, { number }: Member): GroupSubscription {
  const entry = group.roster.find((one) => one.number === number);
  const subscription = entry === undefined ? undefined : group.subscriptions[entry.subscription];
  if (subscription === undefined) return {};
  const { topics, topicRegex } = subscription;
  return {
    ...(topics.length === 0 ? {} : { topics }),
    ...(topicRegex === '' ? {} : { topicRegex }),
  };
}

function partsOf({ topics }: Group, number: number, which: 'owner' | 'target'): readonly AssignedTopic[] {
  return topics.flatMap((topic) => {
    const partitions = topic[which].flatMap((holder, partition) => (holder === number ? [partition] : []));
    return partitions.length === 0 ? [] : [{ topicId: topic.topicId, topic: topic.name, partitions }];
  });
}
