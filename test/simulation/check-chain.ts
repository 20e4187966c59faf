import { chunkFromItem } from '../../lib/partition/chunk.ts';
import type { Item } from '../../lib/storage/table.ts';
import type { Past } from './past.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';
import { isDeleting, type TrueChunk, type TruePartition, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/**
 * I1 and I6, judged on everything that was ever stored, so that an expiry cannot hide an overwrite: every chunk begins
 * exactly where the one before it ended, nothing enters behind a closed marker, and nothing is changed afterwards.
 */
export function checkChains(storage: Storage, truth: Truth, past: Past): Violation[] {
  const found: Violation[] = [];
  for (const partition of truth.partitions.values()) {
    const isExcused = (entry: TrueChunk): boolean => closesRuins(storage, truth, partition, entry);
    found.push(...checkChain(partition, isExcused));
  }
  found.push(...checkRewrites(storage.hot.changes));
  found.push(...checkRemovals(storage, truth, past));
  return found;
}

function checkChain({ pk, chunks }: TruePartition, isExcused: (entry: TrueChunk) => boolean): Violation[] {
  const found: Violation[] = [];
  let end = 0;
  let closed: TrueChunk | undefined;
  for (const entry of chunks) {
    const { chunk, atMs, by } = entry;
    const report = (invariant: Violation['invariant'], message: string): void => {
      found.push({ invariant, message: `${by} ${message}`, atMs, where: pk, offset: chunk.baseOffset });
    };
    const range = `[${chunk.baseOffset}, ${chunk.endOffset})`;
    if (chunk.baseOffset < end && !isExcused(entry))
      report('I6', `stored ${range} into the past: the chain had reached ${end}`);
    if (chunk.baseOffset > end) report('I1', `stored ${range} beyond a gap: the chain had reached ${end}`);
    if (entry.damage !== undefined) report('I7', `stored ${range}, which ${entry.damage}`);
    if (closed !== undefined) report('I6', `stored ${range} behind the closed marker`);
    const isMarker = chunk.body.kind === 'closed';
    if (isMarker !== (chunk.endOffset === chunk.baseOffset)) report('I1', `stored the empty range ${range}`);
    if (isMarker) closed = entry;
    end = Math.max(end, chunk.endOffset);
  }
  return found;
}

/**
 * A deletion that was cut off and goes on days later may find that the last chunks have expired unsealed, and closes the
 * chain below them. Nothing is lost by it that was not being deleted, and no writer is left that knew a later tail.
 */
function closesRuins(
  storage: Storage,
  truth: Truth,
  { pk, chunks }: TruePartition,
  entry: TrueChunk,
): boolean {
  if (entry.chunk.body.kind !== 'closed' || !isDeleting(truth, pk, entry.atMs)) return false;
  return chunks
    .filter(({ chunk, atMs }) => atMs < entry.atMs && chunk.endOffset > entry.chunk.baseOffset)
    .every(({ chunk }) =>
      storage.hot.changes.some(
        ({ cause, key, atMs }) =>
          cause === 'expiry' && key.pk === pk && key.sk === chunk.baseOffset && atMs < entry.atMs,
      ),
    );
}

/** Only the expiry of a chunk may ever be rewritten. */
function checkRewrites(changes: readonly Change<number>[]): Violation[] {
  const found: Violation[] = [];
  for (const { before, item, key, atMs, by } of changes) {
    if (before === undefined || item === undefined) continue;
    if (content(before) === content(item)) continue;
    const message = `${by} changed what stood at ${key.sk}`;
    found.push({ invariant: 'I1', message, atMs, where: key.pk, offset: key.sk });
  }
  return found;
}

function content(item: Item<number>): string {
  const { version: _, expiresAtSeconds: __, appendedAs: ___, ...chunk } = chunkFromItem(item);
  return JSON.stringify(chunk);
}

/** A chunk of a living topic may vanish only once a segment holds its records. */
function checkRemovals(storage: Storage, truth: Truth, past: Past): Violation[] {
  const found: Violation[] = [];
  for (const { cause, before, item, key, atMs } of storage.hot.changes) {
    if (item !== undefined || before === undefined || cause === 'loss') continue;
    const chunk = chunkFromItem(before);
    const sealed = past.sealedEndAt(key.pk, atMs);
    const isDeleted = chunk.endOffset <= past.logStartAt(key.pk, atMs);
    if (chunk.endOffset <= sealed || isDeleted || isDeleting(truth, key.pk, atMs)) continue;
    const how = cause === 'expiry' ? 'expired' : 'was removed';
    const message = `the chunk [${chunk.baseOffset}, ${chunk.endOffset}) ${how}; segments end at ${sealed}`;
    found.push({ invariant: 'I3', message, atMs, where: key.pk, offset: key.sk });
  }
  return found;
}
