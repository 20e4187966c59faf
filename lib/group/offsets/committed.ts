import { MillraceError } from '../../errors.ts';
import type { CommittedOffset } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import { atOnce } from '../at-once.ts';
import type { Group } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { readGroup } from '../group-store.ts';
import { checkGroupId } from '../names.ts';
import { pagesOf } from '../pages.ts';
import { committedOf, offsetFromItem, offsetsKey, type StandingOffset } from './offset-item.ts';
import { PLACES_AT_ONCE } from './offset-parts.ts';
import { readOffset } from './put-offset.ts';

/** Up to as many places are read one by one; for more all of the group's are looked through. */
const PLACES_READ_MAX = 8;
const PAGE_ITEMS = 1_000;

type Dependencies = Pick<GroupParts, 'catalog' | 'log'>;

/** `Groups.committed`, consistent. What is committed for a topic that is not there any more is left out. */
export async function committed(
  parts: Dependencies,
  groupId: string,
  places: readonly PartitionPlace[] | undefined,
  call: Call,
): Promise<readonly CommittedOffset[]> {
  checkGroupId(groupId);
  const { group } = await readGroup(parts, groupId, { consistent: true }, call);
  if (group === undefined) return [];
  if (places === undefined) return committedInAll(parts, group, call);
  if (places.length > PLACES_READ_MAX) {
    const all = await committedInAll(parts, group, call);
    const byPlace = new Map(all.map((offset) => [`${offset.partition}/${offset.topic}`, offset]));
    return places.flatMap(({ topic, partition }) => byPlace.get(`${partition}/${topic}`) ?? []);
  }
  const found = await atOnce(places, PLACES_AT_ONCE, (place) => committedIn(parts, group, place, call));
  return found.flatMap((offset) => offset ?? []);
}

/** By topic and partition. */
export async function committedInAll(
  parts: Dependencies,
  { incarnation }: Group,
  call: Call,
): Promise<readonly CommittedOffset[]> {
  const found: CommittedOffset[] = [];
  for await (const page of offsetsOf(parts, incarnation, call)) {
    found.push(...page.flatMap((standing) => committedOf(standing) ?? []));
  }
  const names = [...new Set(found.map(({ topic }) => topic))];
  const ids = await atOnce(names, PLACES_AT_ONCE, (topic) => topicIdOf(parts, topic, call));
  const living = new Map(names.map((topic, at) => [topic, ids[at]]));
  return found.filter(({ topic, topicId }) => living.get(topic) === topicId).sort(byPlaceOrder);
}

/** All positions of an incarnation as they stand, a page at a time; consistent. */
export async function* offsetsOf(
  { catalog }: Pick<GroupParts, 'catalog'>,
  incarnation: string,
  call: Call,
): AsyncGenerator<readonly StandingOffset[]> {
  for await (const { items } of pagesOf(catalog, offsetsKey(incarnation), { limit: PAGE_ITEMS }, call)) {
    yield items.map(offsetFromItem);
  }
}

async function committedIn(
  parts: Dependencies,
  { incarnation }: Group,
  { topic, partition }: PartitionPlace,
  call: Call,
): Promise<CommittedOffset | undefined> {
  const topicId = await topicIdOf(parts, topic, call);
  if (topicId === undefined) return undefined;
  const standing = await readOffset(parts, { incarnation, topicId, partition }, { consistent: true }, call);
  return standing === undefined ? undefined : committedOf(standing);
}

export async function topicIdOf(
  { log }: Pick<GroupParts, 'log'>,
  topic: string,
  call: Call,
): Promise<string | undefined> {
  try {
    return (await log.resolveTopic(topic, call)).topicId;
  } catch (error) {
    const isMissing = error instanceof MillraceError && MISSING.has(error.code);
    if (isMissing) return undefined;
    throw error;
  }
}

const MISSING: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION']);

function byPlaceOrder(a: PartitionPlace, b: PartitionPlace): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}
