import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { producersEndAt } from '../producer/chunk-producers.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { chunkFromItem, chunkToItem } from './chunk.ts';
import { readTail, type Tail } from './tail.ts';

type Dependencies = Pick<EngineParts, 'hot' | 'catalog' | 'random' | 'rules'>;

/** Tails tried before a busy partition's closing is given up; each lost try has met one more chunk. */
const TRIES_MAX = 1_000;

/**
 * ⚑ Ends the hot chain: a marker at the tail, against which every writer loses, however stale what it knows. Done when
 * answered; doing it again changes nothing. Throws `StorageFault`.
 */
export async function closePartition(deps: Dependencies, pk: string, call: Call): Promise<void> {
  let tail: Tail | undefined;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    tail ??= (await readTail(deps, pk, deps.rules, call)).tail;
    if (tail.closed) return;
    tail = await tryToClose(deps, pk, tail, call);
  }
  throw new StorageFault('throttled', `Partition ${pk} took appends faster than it could be closed`);
}

/** The next tail to try, closed if the marker stands; undefined to look again. */
async function tryToClose(deps: Dependencies, pk: string, tail: Tail, call: Call): Promise<Tail | undefined> {
  const marker = chunkToItem(pk, {
    baseOffset: tail.offset,
    endOffset: tail.offset,
    version: deps.random.id(),
    maxTimestampMs: -1,
    identities: [],
    ...(tail.producersEnd === undefined ? {} : { producersEnd: tail.producersEnd }),
    body: { kind: 'closed' },
  });
  const fences = deps.rules.fence ? [{ observation: tail.observation, ageMsMax: LIMITS.fenceAgeMsMax }] : [];
  try {
    const result = await deps.hot.put(marker, { condition: { kind: 'ifAbsent' }, fences }, call);
    if (result.stored) return { ...tail, closed: true };
    if (result.standing === undefined) return undefined;
    const standing = chunkFromItem(result.standing);
    const closed = standing.body.kind === 'closed';
    const producersEnd = producersEndAt(standing);
    return { offset: standing.endOffset, closed, observation: result.observation, producersEnd };
  } catch (fault) {
    if (fault instanceof StorageFault && fault.kind === 'fenced' && !fault.mayHaveHappened) return undefined;
    throw fault;
  }
}
