import { chunkFromItem } from '../../lib/partition/chunk.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import { livePartitions, sealedEnd } from './sealers.ts';
import type { Storage } from './storage.ts';
import type { Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** I7: an object is there when something refers to it for the first time, and as long as it can be reached. */
export function checkReferences(storage: Storage, truth: Truth, nowMs: number): Violation[] {
  const found: Violation[] = [];
  for (const { pk, chunks } of truth.partitions.values()) {
    for (const { chunk, atMs, by } of chunks) {
      if (chunk.body.kind !== 'spilled' || storage.bucket.wasThere(chunk.body.span.key, atMs)) continue;
      const message = `${by} stored a pointer to ${chunk.body.span.key}, which was not there`;
      found.push({ invariant: 'I7', message, atMs, where: pk, offset: chunk.baseOffset });
    }
  }
  for (const pk of livePartitions(storage)) {
    for (const { key, offset } of reachable(storage, pk)) {
      if (storage.bucket.wasThere(key, nowMs)) continue;
      found.push({ invariant: 'I7', message: `${key} is gone`, atMs: nowMs, where: pk, offset });
    }
  }
  return found;
}

function reachable(storage: Storage, pk: string): { key: string; offset: number }[] {
  const end = sealedEnd(storage, pk);
  const chunks = storage.hot
    .peek(pk)
    .map(chunkFromItem)
    .filter((chunk) => chunk.endOffset > end);
  const segments = storage.catalog.peek(pk).filter((item) => item.sk.startsWith(SEGMENT_PREFIX));
  return [
    ...chunks.flatMap(({ body, baseOffset }) =>
      body.kind === 'spilled' ? [{ key: body.span.key, offset: baseOffset }] : [],
    ),
    ...segments
      .map(segmentFromItem)
      .flatMap(({ objectKey, baseOffset }) =>
        objectKey === undefined ? [] : [{ key: objectKey, offset: baseOffset }],
      ),
  ];
}
