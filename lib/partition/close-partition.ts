import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { producersEndAt } from '../producer/chunk-producers.ts';
import type { Call } from '../storage/call.ts';
import { isUnsentByFence, StorageFault } from '../storage/fault.ts';
import type { Condition } from '../storage/table.ts';
import { chunkFromItem, chunkToItem } from './chunk.ts';
import { isBuried, type Marker, markerOf, readTail, type Tail } from './tail.ts';

export type ClosingDependencies = Pick<EngineParts, 'hot' | 'catalog' | 'random' | 'rules'>;

/** Tails tried before a busy partition's closing is given up; each lost try has met one more chunk. */
const TRIES_MAX = 1_000;

/**
 * ⚑ Ends the hot chain: a marker at the tail, against which every writer loses, however stale what it knows. Done when
 * answered; doing it again changes nothing. `freeze`: until the region is thawed, otherwise for good. ⚑ A marker that may be
 * taken away by whoever thaws another freeze, or this one while the topic is deleted, is replaced: it has another version
 * then, and nobody's delete meets it. Throws `StorageFault`.
 */
export async function closePartition(
  deps: ClosingDependencies,
  pk: string,
  call: Call,
  freeze?: string,
): Promise<void> {
  let tail: Tail | undefined;
  /** Put by this call, and not yet seen to stand where the log ends. */
  let unseen: Marker | undefined;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    // Walking on from chunk to chunk never catches up with writers that are as fast.
    if (tail === undefined || tries % LIMITS.walkLossesMax === 0) {
      ({ tail } = await readTail(deps, pk, deps.rules, call));
    }
    const { offset, marker } = tail;
    const buried = [unseen, marker].flatMap((one) => (one !== undefined && isBuried(one, offset) ? one : []));
    for (const { baseOffset, version } of buried) {
      await deps.hot.delete({ pk, sk: baseOffset }, { ifVersion: version }, call);
    }
    unseen = undefined;
    if (buried.length > 0) {
      tail = undefined;
      continue;
    }
    if (isClosedFor(marker, freeze)) return;
    tail = await tryToClose(deps, { pk, tail, freeze }, call);
    // ⚑ Where nothing had been stored, somebody may just have decided that the log begins further on.
    if (tail?.marker?.baseOffset === 0) {
      unseen = tail.marker;
      tail = undefined;
    }
  }
  throw new StorageFault('throttled', `Partition ${pk} took appends faster than it could be closed`);
}

/** What is closed for good stays so. */
function isClosedFor(marker: Marker | undefined, freeze: string | undefined): boolean {
  return marker !== undefined && (marker.freeze === undefined || marker.freeze === freeze);
}

/** The next tail to try, with the marker if one stands; undefined to look again. */
async function tryToClose(
  deps: ClosingDependencies,
  closing: { readonly pk: string; readonly tail: Tail; readonly freeze: string | undefined },
  call: Call,
): Promise<Tail | undefined> {
  const { pk, tail, freeze } = closing;
  const baseOffset = tail.marker?.baseOffset ?? tail.offset;
  const version = deps.random.id();
  const item = chunkToItem(pk, {
    baseOffset,
    endOffset: baseOffset,
    version,
    maxTimestampMs: -1,
    identities: [],
    ...(tail.producersEnd === undefined ? {} : { producersEnd: tail.producersEnd }),
    ...(tail.origins === undefined ? {} : { origins: tail.origins }),
    body: { kind: 'closed', ...(freeze === undefined ? {} : { freeze }) },
  });
  const condition: Condition =
    tail.marker === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: tail.marker.version };
  const fences = deps.rules.fence ? [{ observation: tail.observation, ageMsMax: LIMITS.fenceAgeMsMax }] : [];
  try {
    const result = await deps.hot.put(item, { condition, fences }, call);
    if (result.stored) return { ...tail, closed: true, marker: { baseOffset, version, freeze } };
    if (result.standing === undefined) return undefined;
    const standing = chunkFromItem(result.standing);
    const marker = markerOf(standing);
    return {
      offset: standing.endOffset,
      closed: marker !== undefined,
      marker,
      observation: result.observation,
      producersEnd: producersEndAt(standing),
      origins: standing.origins,
    };
  } catch (fault) {
    if (isUnsentByFence(fault)) return undefined;
    throw fault;
  }
}
