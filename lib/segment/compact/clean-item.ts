import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { Fence, Observation } from '../../storage/observation.ts';
import type { Random } from '../../storage/random.ts';
import type { AttributeValue, Condition, Item, Table } from '../../storage/table.ts';
import type { CleanPoint } from './horizon.ts';

/** How far a partition has been compacted, and the pass that is under way. */
export interface Checkpoint {
  /** Below it no key has two records. Only grows. */
  readonly cleanTo: number;
  /** When it got there; see `horizon.ts`. */
  readonly points: readonly CleanPoint[];
  readonly pass?: CleanPass;
}

/** A pass over the segments below `mapEnd` with one map. Compactors that find it go on with it. */
export interface CleanPass {
  readonly id: string;
  /** The dirty stretch that the map is to cover, `[from, limit)`. */
  readonly from: number;
  readonly limit: number;
  /** Where the map ends so far. */
  readonly mapEnd: number;
  /** The object that holds the map. If it is gone, the pass is given up and another one begins. */
  readonly mapKey: string;
  /** Absent while the map is being built: every segment below `next` has been rewritten, or had nothing to lose. */
  readonly progress?: {
    readonly next: number;
    /** Fingerprint of the segment items below `next` as they were left: where they differ, the pass starts over. */
    readonly left: string;
  };
}

export interface SeenCheckpoint extends Checkpoint {
  /** Undefined while there is no item. */
  readonly version: string | undefined;
  readonly observation: Observation;
}

/** Sorts before the segments, out of the way of the query for the last one and the log start. */
export const CLEAN_KEY = 'clean';

/*
 * Item layout in the catalog: pk = topicId:partition, sk = clean, and
 *
 *   f  format number   to  clean to   p  [[clean to, completed at, ms], …]
 *   and while a pass is under way
 *   i  its id   b  from   l  limit   e  end of the map   o  object key of the map   n  next base offset   d  fingerprint
 */
function checkpointToItem(pk: string, checkpoint: Checkpoint, version: string): Item<string> {
  const { cleanTo, points, pass } = checkpoint;
  const attributes: Record<string, AttributeValue> = {
    f: ITEM_FORMAT,
    to: cleanTo,
    p: points.map((point) => [point.cleanTo, point.completedAtMs]),
  };
  if (pass !== undefined) {
    Object.assign(attributes, { i: pass.id, b: pass.from, l: pass.limit, e: pass.mapEnd, o: pass.mapKey });
    if (pass.progress !== undefined) {
      Object.assign(attributes, { n: pass.progress.next, d: pass.progress.left });
    }
  }
  return { pk, sk: CLEAN_KEY, version, attributes };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function checkpointFromItem(item: Item<string>): Checkpoint {
  const read = new ItemReader('checkpoint', item);
  const points = read.list('p').map((entry) => {
    const [cleanTo, completedAtMs] = Array.isArray(entry) ? (entry as readonly AttributeValue[]) : [];
    return { cleanTo: Number(cleanTo), completedAtMs: Number(completedAtMs) };
  });
  const cleanTo = read.number('to');
  return read.has('i') ? { cleanTo, points, pass: passFrom(read) } : { cleanTo, points };
}

function passFrom(read: ItemReader<string>): CleanPass {
  const pass = {
    id: read.string('i'),
    from: read.number('b'),
    limit: read.number('l'),
    mapEnd: read.number('e'),
    mapKey: read.string('o'),
  };
  return read.has('n') ? { ...pass, progress: { next: read.number('n'), left: read.string('d') } } : pass;
}

/** Consistent. */
export async function readCheckpoint(
  catalog: Table<string>,
  pk: string,
  call: Call,
): Promise<SeenCheckpoint> {
  const { item, observation } = await catalog.get({ pk, sk: CLEAN_KEY }, { consistent: true }, call);
  if (item === undefined) return { cleanTo: 0, points: [], version: undefined, observation };
  return { ...checkpointFromItem(item), version: item.version, observation };
}

/** The version that stands now, or undefined: somebody else changed it since `seen`. */
export async function writeCheckpoint(
  deps: { readonly catalog: Table<string>; readonly random: Random },
  pk: string,
  step: {
    readonly seen: string | undefined;
    readonly checkpoint: Checkpoint;
    readonly fences: readonly Fence[];
  },
  call: Call,
): Promise<string | undefined> {
  const { seen, checkpoint, fences } = step;
  const condition: Condition =
    seen === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: seen };
  const version = deps.random.id();
  const item = checkpointToItem(pk, checkpoint, version);
  const { stored } = await deps.catalog.put(item, { condition, fences }, call);
  return stored ? version : undefined;
}

/** Others that may change the checkpoint of one pass at the same time. */
const TRIES_MAX = 16;

/**
 * Changes the checkpoint while the pass is the one with this id, whoever else goes on with it too. False: that pass has
 * ended. Throws `StorageFault` (`throttled`) where others never let it win.
 */
export async function amendPass(
  deps: { readonly catalog: Table<string>; readonly random: Random },
  pk: string,
  passId: string,
  change: (seen: SeenCheckpoint) => Checkpoint,
  call: Call,
): Promise<boolean> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const seen = await readCheckpoint(deps.catalog, pk, call);
    if (seen.pass?.id !== passId) return false;
    const step = { seen: seen.version, checkpoint: change(seen), fences: [] };
    if ((await writeCheckpoint(deps, pk, step, call)) !== undefined) return true;
  }
  throw new StorageFault('throttled', `The checkpoint of ${pk} is changed by many at once`);
}
