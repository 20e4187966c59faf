import { offsetFromItem } from '../../../lib/group/offsets/offset-item.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { logStartFromItem } from '../../../lib/segment/log-start.ts';
import { LOG_START_KEY } from '../../../lib/segment/segment-item.ts';
import type { Storage } from '../storage.ts';
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
  { world, seen }: Evidence,
  alias: string,
  { item, atMs, by }: Change<string>,
): Generator<string> {
  const { position, topicId, topic, partition } = item === undefined ? NOWHERE : offsetFromItem(item);
  if (position?.source === undefined) return;
  const { offset, source, metadata } = position;
  const pk = partitionKey(topicId, partition);
  const start = startAt(world.region(alias).storage, pk, atMs);
  const end = Math.max(start, seen.get(alias)?.get(pk)?.endAt(atMs) ?? 0);
  const told = `${by} carried ${offset} of ${topic}/${partition} from ${source} to ${alias}`;
  if (offset > end) yield `${told}, beyond ${end}`;
  // Whoever commits says where in the metadata.
  if (!metadata.startsWith(`${source}#`)) yield `${told}, committed at ${metadata}`;
}

/** Where the log began then: a copy of what was trimmed begins behind it, and ends there until there is more. */
function startAt({ catalog }: Storage, pk: string, atMs: number): number {
  let start = 0;
  for (const { key, item, atMs: changedMs } of catalog.changes) {
    if (changedMs > atMs) break;
    if (key.pk === pk && key.sk === LOG_START_KEY && item !== undefined)
      start = logStartFromItem(item).offset;
  }
  return start;
}

/** What clients were told is there, where they were told; and no replicator has written to its source. */
export function* checkSources({ world, seen }: Evidence): Generator<string> {
  for (const { alias, pk, offset, texts } of world.acknowledged) {
    const records = seen.get(alias)?.get(pk)?.records;
    for (const [i, text] of texts.entries()) {
      if (records?.get(offset + i)?.text !== text) yield `${alias}: ${text} is not at ${offset + i}`;
    }
  }
  for (const [alias, { storage }] of world.regions) {
    for (const { by } of [...storage.hot.changes, ...storage.catalog.changes]) {
      const isForeign = by.includes('/') && !by.startsWith(`${alias}/`);
      if (isForeign) yield `${by} has written to ${alias}`;
    }
  }
}
