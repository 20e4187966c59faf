import { chunkFromItem } from '../../lib/partition/chunk.ts';
import { producersKey } from '../../lib/producer/snapshot.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import type { Item, SortKey } from '../../lib/storage/table.ts';
import type { Past } from './past.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';
import { isDeleting, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/**
 * I7: an object is there when something refers to it for the first time, and is not deleted as long as a published
 * segment, an unsealed chunk or the newest snapshot of producers refers to it.
 */
export function checkReferences(storage: Storage, truth: Truth, past: Past): Violation[] {
  const found: Violation[] = [];
  for (const { pk, chunks } of truth.partitions.values()) {
    for (const { chunk, atMs, by } of chunks) {
      if (chunk.body.kind !== 'spilled' || storage.bucket.wasThere(chunk.body.span.key, atMs)) continue;
      const message = `${by} stored a pointer to ${chunk.body.span.key}, which was not there`;
      found.push({ invariant: 'I7', message, atMs, where: pk, offset: chunk.baseOffset });
    }
  }
  const snapshots = referencesIn(storage.catalog.changes, snapshotReference).map((reference) => ({
    ...reference,
    pk: reference.pk.slice(PRODUCERS.length),
  }));
  for (const { objectKey, pk, offset, fromMs: atMs } of snapshots) {
    if (storage.bucket.wasThere(objectKey, atMs)) continue;
    const message = `a snapshot of producers refers to ${objectKey}, which was not there`;
    found.push({ invariant: 'I7', message, atMs, where: pk, offset });
  }
  const references = [
    ...snapshots,
    ...referencesIn(storage.catalog.changes, segmentReference),
    ...referencesIn(storage.hot.changes, chunkReference),
  ];
  for (const { key, atMs, by } of storage.bucket.deletions) {
    const dangling = references.find(
      (reference) =>
        reference.objectKey === key &&
        reference.fromMs <= atMs &&
        atMs < reference.untilMs &&
        !isDeleting(truth, reference.pk, atMs) &&
        (!reference.isChunk || reference.endOffset > past.sealedEndAt(reference.pk, atMs)),
    );
    if (dangling === undefined) continue;
    const { pk: where, offset, endOffset } = dangling;
    const message = `${by} deleted ${key}, to which [${offset}, ${endOffset}) refers`;
    found.push({ invariant: 'I7', message, atMs, where, offset });
  }
  return found;
}

/** An item's mention of an object, and how long the item stood. */
interface Reference extends Mention {
  readonly pk: string;
  readonly fromMs: number;
  untilMs: number;
}

interface Mention {
  readonly objectKey: string;
  /** Chunks are no longer needed once they are sealed. */
  readonly isChunk: boolean;
  readonly offset: number;
  readonly endOffset: number;
}

function referencesIn<S extends SortKey>(
  changes: readonly Change<S>[],
  mentionOf: (item: Item<S>) => Mention | undefined,
): Reference[] {
  const references: Reference[] = [];
  const standing = new Map<string, Reference>();
  for (const { key, item, atMs } of changes) {
    const name = `${key.pk} ${key.sk}`;
    const before = standing.get(name);
    if (before !== undefined) before.untilMs = atMs;
    standing.delete(name);
    const mention = item && mentionOf(item);
    if (mention === undefined) continue;
    const reference = { ...mention, pk: key.pk, fromMs: atMs, untilMs: Number.POSITIVE_INFINITY };
    references.push(reference);
    standing.set(name, reference);
  }
  return references;
}

function segmentReference(item: Item<string>): Mention | undefined {
  if (!item.sk.startsWith(SEGMENT_PREFIX)) return undefined;
  const { objectKey, baseOffset: offset, endOffset } = segmentFromItem(item);
  return objectKey === undefined ? undefined : { objectKey, isChunk: false, offset, endOffset };
}

const PRODUCERS = producersKey('');

function snapshotReference({ pk, attributes }: Item<string>): Mention | undefined {
  const { o: place, s: endOffset } = attributes;
  if (!pk.startsWith(PRODUCERS) || !Array.isArray(place)) return undefined;
  return { objectKey: String(place[0]), isChunk: false, offset: 0, endOffset: Number(endOffset) };
}

function chunkReference(item: Item<number>): Mention | undefined {
  const { body, baseOffset: offset, endOffset } = chunkFromItem(item);
  return body.kind === 'spilled' ? { objectKey: body.span.key, isChunk: true, offset, endOffset } : undefined;
}
