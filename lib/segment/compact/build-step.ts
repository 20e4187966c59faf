import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { Bucket } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Random } from '../../storage/random.ts';
import { buildMap } from './build-map.ts';
import { type CleanPass, type SeenCheckpoint, writeCheckpoint } from './clean-item.ts';
import { lastBatches } from './last-batches.ts';
import { decodeLearned, encodeLearned, type Learned, mapObjectKey } from './map-object.ts';
import { type MapRoom, offsetMap, SLOT_BYTES } from './offset-map.ts';
import { fingerprint } from './vouched.ts';

export type BuildDependencies = Pick<EngineParts, 'catalog' | 'bucket' | 'codecs' | 'random' | 'rules'>;

/** A pass whose map is to be begun, or gone on with. */
export interface BuildRequest {
  readonly pk: string;
  readonly checkpoint: SeenCheckpoint;
  /** Where the map ends so far. */
  readonly from: number;
  readonly limit: number;
  readonly mapBytes: number | undefined;
  readonly isTimeUp: () => boolean;
}

/**
 * Builds the map over the dirty stretch until it is full, the stretch or the time ends, stores it and lets the checkpoint
 * refer to it. Undefined: another compactor has changed the checkpoint meanwhile.
 */
export async function buildStep(
  deps: BuildDependencies,
  request: BuildRequest,
  known: Learned | undefined,
  call: Call,
): Promise<{ readonly learned: Learned; readonly pass: CleanPass } | undefined> {
  const { pk, checkpoint, from, limit, mapBytes, isTimeUp } = request;
  const learned = known ?? newlyLearned(deps.random, mapRoom(mapBytes, limit - from));
  const built = await buildMap(deps, learned, { pk, from, limit, isTimeUp }, call);
  const isComplete = built.isFull || built.mapEnd === limit;
  const mapKey = mapObjectKey(pk, deps.random.id());
  const { observation } = await deps.bucket.put(mapKey, encodeLearned(deps.codecs, learned), call);
  const pass = {
    id: checkpoint.pass?.id ?? deps.random.id(),
    from: checkpoint.pass?.from ?? from,
    limit,
    mapEnd: built.mapEnd,
    mapKey,
    ...(isComplete ? { progress: { next: 0, left: fingerprint().value() } } : {}),
  };
  const { cleanTo, points, version: seen } = checkpoint;
  const fences = deps.rules.firstReference ? [{ observation, ageMsMax: LIMITS.firstReferenceAgeMsMax }] : [];
  const step = { seen, checkpoint: { cleanTo, points, pass }, fences };
  const version = await writeCheckpoint(deps, pk, step, call);
  return version === undefined ? undefined : { learned, pass };
}

/** No more keys can come than there are offsets. */
function mapRoom(mapBytes: number | undefined, keysMax: number): MapRoom {
  return mapBytes === undefined ? { keysMax } : { mapBytes, keysMax };
}

function newlyLearned(random: Random, room: MapRoom): Learned {
  const secret = Buffer.from(random.uuid(), 'base64url');
  return { map: offsetMap({ ...room, secret }), producers: lastBatches() };
}

/**
 * Undefined if the object is gone or not what was stored: a map spares work, nothing rests on it, and the pass begins
 * anew. Throws `StorageFault`.
 */
export async function loadLearned(
  deps: { readonly bucket: Bucket; readonly codecs: Codecs },
  pass: CleanPass,
  mapBytes: number | undefined,
  call: Call,
): Promise<Learned | undefined> {
  const bytes = await deps.bucket.get(pass.mapKey, undefined, call);
  if (bytes === undefined) return undefined;
  const storedMax = bytes.length / SLOT_BYTES;
  const moreMax = pass.progress === undefined ? pass.limit - pass.mapEnd : 0;
  try {
    return decodeLearned(deps.codecs, bytes, mapRoom(mapBytes, storedMax + moreMax));
  } catch (fault) {
    if (fault instanceof StorageFault && fault.kind === 'damaged') return undefined;
    throw fault;
  }
}
