import { partitionKey } from '../../partition/chunk.ts';
import { SPILL_PREFIX } from '../../partition/spooler.ts';
import type { ObjectInfo } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import { everyPartition } from '../sweep/every-partition.ts';
import { placeOfObject } from '../sweep/object-place.ts';
import { allReferences, catalogReferences } from '../sweep/object-references.ts';
import { newCounts } from '../verify/findings.ts';
import { objectBatches } from '../verify/object-batches.ts';
import type { PartitionToVerify, VerifyDependencies } from '../verify/partition-to-verify.ts';

/** What the bucket knows and the tables do not: they are older. */
export interface LostRecords {
  /** Offsets that were sealed beyond the end of the partition; what was never sealed leaves no trace. */
  readonly ranges: readonly LostRange[];
  /** Segments of topics that the tables do not know. */
  readonly unknownTopics: readonly {
    readonly topicId: string;
    readonly objectCount: number;
    readonly bytes: number;
  }[];
  /** Uploads that nothing refers to: some hold records whose chunks are lost, others were never referred to. */
  readonly uploads: { readonly objectCount: number; readonly bytes: number };
}

export interface LostRange {
  readonly pk: string;
  readonly startOffset: number;
  readonly endOffset: number;
}

const OBJECTS_PER_LIST = 1_000;
/** Uploads that are held at once; those beyond are not counted. */
const UPLOADS_MAX = 200_000;
const LOG_FILE = /\/(\d{20})\.log$/;

/** Reads the headers of segments that no item refers to; the sweep keeps those for a day at least. Writes nothing. */
export async function findLostRecords(
  deps: VerifyDependencies,
  tails: ReadonlyMap<string, number>,
  call: Call,
): Promise<LostRecords> {
  const ranges: LostRange[] = [];
  const unknown = new Map<string, { topicId: string; objectCount: number; bytes: number }>();
  for await (const { pk, objects } of segmentsByPartition(deps, call)) {
    const tail = tails.get(pk);
    if (tail === undefined) {
      noteUnknown(unknown, pk, objects);
      continue;
    }
    const ahead = await unreferenced(deps, pk, objects, call);
    for (const object of ahead) {
      const range = await rangeBeyond(deps, { pk, tail, object }, call);
      if (range !== undefined) ranges.push(range);
    }
  }
  return {
    ranges: joined(ranges),
    unknownTopics: [...unknown.values()],
    uploads: await countUploads(deps, call),
  };
}

function noteUnknown(
  unknown: Map<string, { topicId: string; objectCount: number; bytes: number }>,
  pk: string,
  objects: readonly ObjectInfo[],
): void {
  const topicId = pk.slice(0, pk.indexOf(':'));
  const noted = unknown.get(topicId) ?? { topicId, objectCount: 0, bytes: 0 };
  noted.objectCount += objects.length;
  for (const { bytes } of objects) noted.bytes += bytes;
  unknown.set(topicId, noted);
}

/** The objects of one partition lie together in key order. */
async function* segmentsByPartition(
  deps: VerifyDependencies,
  call: Call,
): AsyncGenerator<{ readonly pk: string; readonly objects: readonly ObjectInfo[] }> {
  let pk: string | undefined;
  let objects: ObjectInfo[] = [];
  for await (const object of objectsOf(deps, 'segments/', call)) {
    const place = placeOfObject(object.key);
    if (place.kind !== 'partition') continue;
    if (pk !== undefined && place.pk !== pk) {
      yield { pk, objects };
      objects = [];
    }
    pk = place.pk;
    objects.push(object);
  }
  if (pk !== undefined) yield { pk, objects };
}

async function* objectsOf(
  { bucket }: VerifyDependencies,
  prefix: string,
  call: Call,
): AsyncGenerator<ObjectInfo> {
  let after: string | undefined;
  for (;;) {
    const range = { limit: OBJECTS_PER_LIST, ...(after === undefined ? {} : { after }) };
    const { objects, more } = await bucket.list(prefix, range, call);
    yield* objects;
    after = objects.at(-1)?.key;
    if (!more || after === undefined) return;
  }
}

async function unreferenced(
  deps: VerifyDependencies,
  pk: string,
  objects: readonly ObjectInfo[],
  call: Call,
): Promise<ObjectInfo[]> {
  const left = new Map(objects.map((object) => [object.key, object]));
  await catalogReferences(deps, pk, (text) => left.delete(text), call);
  return [...left.values()].filter(({ key }) => LOG_FILE.test(key));
}

/** What of an object lies beyond the tail; a damaged one is read as far as it can be. */
async function rangeBeyond(
  deps: VerifyDependencies,
  seen: { readonly pk: string; readonly tail: number; readonly object: ObjectInfo },
  call: Call,
): Promise<LostRange | undefined> {
  const { pk, tail, object } = seen;
  const base = Number(LOG_FILE.exec(object.key)?.[1] ?? 0);
  const reading: PartitionToVerify = {
    pk,
    counts: newCounts(),
    find: () => undefined,
    tick: () => undefined,
    call,
  };
  const stretch = { key: object.key, start: 0, length: object.bytes, mayGoOn: true, offset: base };
  let endOffset = base;
  for await (const { header } of objectBatches(deps, reading, stretch)) {
    endOffset = header.baseOffset + header.lastOffsetDelta + 1;
  }
  const startOffset = Math.max(base, tail);
  return endOffset > startOffset ? { pk, startOffset, endOffset } : undefined;
}

/** Several sealers, or a merge, may have covered the same offsets. */
function joined(ranges: readonly LostRange[]): LostRange[] {
  const sorted = [...ranges].sort((a, b) =>
    a.pk === b.pk ? a.startOffset - b.startOffset : a.pk < b.pk ? -1 : 1,
  );
  const all: LostRange[] = [];
  for (const range of sorted) {
    const last = all.at(-1);
    if (last?.pk === range.pk && range.startOffset <= last.endOffset) {
      all[all.length - 1] = { ...last, endOffset: Math.max(last.endOffset, range.endOffset) };
    } else all.push(range);
  }
  return all;
}

async function countUploads(deps: VerifyDependencies, call: Call): Promise<LostRecords['uploads']> {
  const uploads = new Map<string, number>();
  for await (const { key, bytes } of objectsOf(deps, SPILL_PREFIX, call)) {
    if (uploads.size < UPLOADS_MAX) uploads.set(key, bytes);
  }
  for (const { topicId, partition } of await everyPartition(deps.catalog, call)) {
    if (uploads.size === 0) break;
    // The age does not matter here: whatever is still referred to is not lost.
    const pk = partitionKey(topicId, partition);
    await allReferences(deps, { pk, nowMs: 0 }, (text) => uploads.delete(text), call);
  }
  let total = 0;
  for (const bytes of uploads.values()) total += bytes;
  return { objectCount: uploads.size, bytes: total };
}
