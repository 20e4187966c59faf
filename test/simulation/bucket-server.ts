import type { ObjectInfo } from '../../lib/storage/bucket.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/** The truth of the bucket. Objects that were deleted are kept aside for the checkers. */
export interface BucketServer {
  put(key: string, bytes: Uint8Array, by: string): void;
  get(key: string): Uint8Array | undefined;
  list(prefix: string, after: string, limit: number): { objects: ObjectInfo[]; more: boolean };
  delete(key: string, by: string): void;
  /** What was ever stored under the key, deleted or not. */
  everStored(key: string): Uint8Array | undefined;
  /** Every deletion of an object, in order. */
  readonly deletions: readonly ObjectDeletion[];
  /** Whether the object was there at that time. */
  wasThere(key: string, atMs: number): boolean;
}

export interface ObjectDeletion {
  readonly key: string;
  readonly atMs: number;
  readonly by: string;
}

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

export function createBucketServer(tools: {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
}): BucketServer {
  const { scheduler, trace } = tools;
  const objects = new Map<string, StoredObject>();
  const everStored = new Map<string, Uint8Array>();
  const lives = new Map<string, { readonly fromMs: number; untilMs: number }[]>();

  const deletions: ObjectDeletion[] = [];

  return {
    deletions,
    put: (key, bytes, by) => {
      if (objects.has(key)) return;
      const stored = { bytes: bytes.slice(), modifiedMs: scheduler.nowMs };
      objects.set(key, stored);
      everStored.set(key, stored.bytes);
      lives.set(key, [
        ...(lives.get(key) ?? []),
        { fromMs: stored.modifiedMs, untilMs: Number.POSITIVE_INFINITY },
      ]);
      scheduler.mix(key);
      trace.add({ kind: 'bucket.put', process: by, detail: `${key} ${bytes.length} bytes` });
    },
    get: (key) => objects.get(key)?.bytes,
    list: (prefix, after, limit) => {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      return {
        objects: keys.slice(0, limit).map((key) => infoOf(key, objects.get(key))),
        more: keys.length > limit,
      };
    },
    delete: (key, by) => {
      if (!objects.delete(key)) return;
      const life = lives.get(key)?.at(-1);
      if (life !== undefined) life.untilMs = scheduler.nowMs;
      deletions.push({ key, atMs: scheduler.nowMs, by });
      scheduler.mix(key);
      trace.add({ kind: 'bucket.delete', process: by, detail: key });
    },
    everStored: (key) => everStored.get(key),
    wasThere: (key, atMs) =>
      lives.get(key)?.some(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs) ?? false,
  };
}

function infoOf(key: string, stored: StoredObject | undefined): ObjectInfo {
  return { key, bytes: stored?.bytes.length ?? 0, modifiedMs: stored?.modifiedMs ?? 0 };
}
