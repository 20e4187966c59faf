import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Fence, Observation } from '../storage/observation.ts';
import type { AttributeValue, Condition, Item, Table } from '../storage/table.ts';
import type { KnownProducer, Producers } from './producers.ts';
import { decodeProducers, encodeProducers } from './snapshot-bytes.ts';

type ReadDependencies = Pick<EngineParts, 'catalog' | 'bucket' | 'codecs'>;
export type SnapshotDependencies = ReadDependencies & Pick<EngineParts, 'hot' | 'random' | 'rules'>;

/** The fold over every batch with a producer id below `offset`, where a chunk begins or the log ends. */
export interface Snapshot {
  readonly offset: number;
  /** Undefined while there is none: nothing is known below 0. */
  readonly version: string | undefined;
}

export interface SeenSnapshot extends Snapshot {
  readonly producers: ReadonlyMap<number, KnownProducer>;
  readonly observation: Observation;
}

const SNAPSHOT_KEY = 'snapshot';

/** Where a partition's snapshot lies in the catalog: apart from what producers may not write. */
export function producersKey(pk: string): string {
  return `producers#${pk}`;
}

/** What the keys of all snapshots of a topic begin with. */
export function snapshotObjectPrefix(topicId: string): string {
  return `producers/${topicId}/`;
}

function snapshotObjectKey(pk: string, id: string): string {
  return `producers/${pk.replace(':', '/')}/${id}`;
}

/*
 * Item layout in the catalog: pk = producers#topicId:partition, sk = snapshot, and
 *
 *   f  format number   s  the offset it holds up to   b  producers (snapshot-bytes.ts), or where they are too many
 *   for an item to be cheap:  o  [object key, length]
 */
export async function readSnapshot(deps: ReadDependencies, pk: string, call: Call): Promise<SeenSnapshot> {
  let missing: string | undefined;
  for (;;) {
    const { item, observation } = await snapshotItem(deps.catalog, pk, call);
    if (item === undefined) return { offset: 0, version: undefined, producers: new Map(), observation };
    const offset = snapshotOffset(item);
    const stored = await storedBytes(deps, item, call);
    if (stored.bytes !== undefined) {
      const producers = decodeProducers(deps.codecs, stored.bytes);
      return { offset, version: item.version, producers, observation };
    }
    // A newer snapshot may have replaced it, and the sweep taken it, while this process slept.
    if (stored.objectKey === missing) throw new StorageFault('damaged', `Object ${missing} is missing`);
    missing = stored.objectKey;
  }
}

/** The item as it stands. */
export function snapshotItem(
  catalog: Table<string>,
  pk: string,
  call: Call,
): ReturnType<Table<string>['get']> {
  return catalog.get({ pk: producersKey(pk), sk: SNAPSHOT_KEY }, { consistent: true }, call);
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function snapshotOffset(item: Item<string>): number {
  return new ItemReader('producers', item).number('s');
}

async function storedBytes(
  { bucket }: ReadDependencies,
  item: Item<string>,
  call: Call,
): Promise<{ readonly bytes: Uint8Array | undefined; readonly objectKey?: string }> {
  const read = new ItemReader('producers', item);
  if (read.has('b')) return { bytes: read.bytes('b') };
  const [objectKey] = read.list('o');
  return { bytes: await bucket.get(String(objectKey), undefined, call), objectKey: String(objectKey) };
}

export type SnapshotPut =
  | { readonly stored: true; readonly snapshot: Snapshot }
  /** `standing`: the one that was in the way; undefined if the one that was to be replaced is gone. */
  | { readonly stored: false; readonly standing: Snapshot | undefined };

/**
 * Puts the snapshot in the place of the one that was seen. The fold below an offset never changes, so a late put does no
 * harm: it is let in only on top of what it has seen. `fences` keep it from a topic whose remains have been removed.
 */
export async function putSnapshot(
  deps: SnapshotDependencies,
  pk: string,
  step: {
    readonly offset: number;
    readonly producers: Producers;
    readonly before: Pick<Snapshot, 'version'>;
    readonly fences: readonly Fence[];
  },
  call: Call,
): Promise<SnapshotPut> {
  const { offset, producers, before, fences } = step;
  const { attributes, uploaded } = await placed(deps, pk, encodeProducers(deps.codecs, producers), call);
  const item: Item<string> = {
    pk: producersKey(pk),
    sk: SNAPSHOT_KEY,
    version: deps.random.id(),
    attributes: { f: ITEM_FORMAT, s: offset, ...attributes },
  };
  const condition: Condition =
    before.version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: before.version };
  const all = deps.rules.firstReference ? [...fences, ...uploaded] : fences;
  const result = await deps.catalog.put(item, { condition, fences: all }, call);
  if (result.stored) return { stored: true, snapshot: { offset, version: item.version } };
  const { standing } = result;
  if (standing === undefined) return { stored: false, standing };
  return { stored: false, standing: { offset: snapshotOffset(standing), version: standing.version } };
}

/** Where the bytes go: into the item, or where that would cost more, into an object first. */
async function placed(
  { hot, bucket, random }: SnapshotDependencies,
  pk: string,
  bytes: Uint8Array,
  call: Call,
): Promise<{ readonly attributes: Record<string, AttributeValue>; readonly uploaded: readonly Fence[] }> {
  if (bytes.length <= hot.inlineBytesBreakEven) return { attributes: { b: bytes }, uploaded: [] };
  const objectKey = snapshotObjectKey(pk, random.id());
  const { observation } = await bucket.put(objectKey, bytes, call);
  const fence = { observation, ageMsMax: LIMITS.firstReferenceAgeMsMax };
  return { attributes: { o: [objectKey, bytes.length] }, uploaded: [fence] };
}
