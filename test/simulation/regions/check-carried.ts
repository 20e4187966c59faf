import { offsetFromItem } from '../../../lib/group/offsets/offset-item.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Change } from '../table-server.ts';
import type { Evidence } from './evidence.ts';

const NOWHERE = { position: undefined, topicId: '', topic: '', partition: 0 };

/** I9 of groups: a position that was carried over was never beyond the data, and was committed where it is said to be. */
export function* checkCarried(evidence: Evidence): Generator<string> {
  for (const [alias, { storage }] of evidence.world.regions) {
    for (const change of storage.catalog.changes) {
      if (change.cause === 'put' && change.key.pk.startsWith('offsets#'))
        yield* checkPut(evidence, alias, change);
    }
  }
}

function* checkPut(
  { seen, starts }: Evidence,
  alias: string,
  { item, atMs, by }: Change<string>,
): Generator<string> {
  const { position, topicId, topic, partition } = item === undefined ? NOWHERE : offsetFromItem(item);
  if (position?.source === undefined) return;
  const { offset, source, metadata } = position;
  const pk = partitionKey(topicId, partition);
  // A copy of what was trimmed begins behind it, and ends there until there is more.
  const start = starts.get(alias)?.get(pk)?.series.at(atMs) ?? 0;
  const end = Math.max(start, seen.get(alias)?.get(pk)?.endAt(atMs) ?? 0);
  const told = `${by} carried ${offset} of ${topic}/${partition} from ${source} to ${alias}`;
  if (offset > end) yield `${told}, beyond ${end}`;
  // Whoever commits says where in the metadata.
  if (!metadata.startsWith(`${source}#`)) yield `${told}, committed at ${metadata}`;
}

/** What clients were told is there, where they were told; and no replicator has written to its source. */
export function* checkSources(evidence: Evidence): Generator<string> {
  const { world, seen, topics } = evidence;
  for (const { alias, topic: name, partition, offset, texts } of world.acknowledged) {
    // It may have been deleted and made anew on the way.
    const partitions = [...(topics.get(alias)?.values() ?? [])]
      .filter((topic) => topic.name === name)
      .map(({ topicId }) => seen.get(alias)?.get(partitionKey(topicId, partition)));
    for (const [i, text] of texts.entries()) {
      const isThere = partitions.some((one) => one?.records.get(offset + i)?.text === text);
      if (!isThere) yield `${alias}: ${text} is not at ${offset + i}`;
    }
  }
  for (const [alias, { storage }] of world.regions) {
    for (const { by } of [...storage.hot.changes, ...storage.catalog.changes]) {
      const isForeign = by.includes('/') && !by.startsWith(`${alias}/`);
      if (isForeign) yield `${by} has written to ${alias}`;
    }
  }
}
