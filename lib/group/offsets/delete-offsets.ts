import { MillraceError } from '../../errors.ts';
import type { PartitionPlace } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import { observeNow } from '../../storage/observation.ts';
import { atOnce } from '../at-once.ts';
import { noGroup } from '../describe.ts';
import type { Group } from '../group-item.ts';
import { livingGroup } from '../members/empty-group.ts';
import { checkGroupId } from '../names.ts';
import { topicIdOf } from './committed.ts';
import { positionKey } from './offset-cache.ts';
import { OFFSET_TRIES_MAX, type OffsetParts, PLACES_AT_ONCE } from './offset-parts.ts';
import { offsetIsBusy, putOffset, readOffset } from './put-offset.ts';

/**
 * `Groups.deleteOffsets`. ⚑ What remains is an item without a position, which still says from which epoch of the group
 * on somebody may take the partition over: a member that slept meanwhile does not bring its position back.
 */
export async function deleteOffsets(
  parts: OffsetParts,
  groupId: string,
  places: readonly PartitionPlace[],
  call: Call,
): Promise<void> {
  checkGroupId(groupId);
  const look = async (): Promise<Group> => {
    const { group } = await livingGroup(parts, groupId, call);
    if (group === undefined) throw noGroup(groupId);
    checkNotSubscribed(group, places);
    return group;
  };
  const group = await look();
  await atOnce(places, PLACES_AT_ONCE, async (place) => {
    const topicId = await topicIdOf(parts, place.topic, call);
    // What is committed for a topic that is gone counts as gone.
    if (topicId === undefined) return;
    const placed = { ...place, topicId };
    await parts.offsets.inTurn(positionKey(groupId, placed), () =>
      clear(parts, { group, look, place: placed }, call),
    );
  });
}

async function clear(
  parts: OffsetParts,
  clearing: {
    readonly group: Group;
    readonly look: () => Promise<Group>;
    readonly place: PartitionPlace & { readonly topicId: string };
  },
  call: Call,
): Promise<void> {
  const { place, look } = clearing;
  let { group } = clearing;
  const began = observeNow(parts.clock);
  for (let tries = 0; tries < OFFSET_TRIES_MAX; tries += 1) {
    const { incarnation, groupEpoch } = group;
    const standing = await readOffset(parts, { incarnation, ...place }, { consistent: true }, call);
    if (standing?.position === undefined) return;
    if (standing.takenAt <= groupEpoch) {
      const { carried } = standing;
      const next = { ...place, position: undefined, carried, owner: undefined, takenAt: groupEpoch };
      const { stored } = await putOffset(parts, { incarnation, standing, next, began }, call);
      parts.offsets.forget(positionKey(group.groupId, place));
      if (stored) return;
    }
    group = await look();
  }
  throw offsetIsBusy(group.groupId, place);
}

function checkNotSubscribed(
  { groupId, subscriptions, topics }: Group,
  places: readonly PartitionPlace[],
): void {
  const subscribed = new Set([
    ...subscriptions.flatMap((subscription) => subscription.topics),
    ...topics.map(({ name }) => name),
  ]);
  const topic = places.find((place) => subscribed.has(place.topic))?.topic;
  if (topic === undefined) return;
  const message = `Members of group '${groupId}' subscribe to topic '${topic}'`;
  throw new MillraceError('GROUP_SUBSCRIBED_TO_TOPIC', message);
}
