import type { EngineParts } from '../engine-parts.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { agedTo, cutAt, type Producers } from './producers.ts';
import { putSnapshot, readSnapshot, type SeenSnapshot, snapshotItem } from './snapshot.ts';

/**
 * For tables that were set back to an earlier time, while nobody uses them: ⚑ what the snapshot tells of batches that the
 * log has lost is taken out, and where its object has been collected since, its producers are forgotten: then their next
 * batch is taken as it comes. Answers whether anything had to be mended. Throws `StorageFault`.
 */
export async function mendSnapshot(
  parts: EngineParts,
  place: { readonly pk: string; readonly endOffset: number },
  call: Call,
): Promise<boolean> {
  const { pk, endOffset } = place;
  const found = await whatIsLeft(parts, pk, call);
  if (found.producers !== undefined && found.offset <= endOffset) return false;
  const nowMs = found.observation.serverMs ?? parts.clock.wallMs();
  const producers = agedTo(nowMs, cutAt(endOffset, found.producers ?? new Map()));
  const step = { offset: endOffset, producers, before: found, fences: [] };
  if ((await putSnapshot(parts, pk, step, call)).stored) return true;
  throw new StorageFault('refused', `Partition ${pk} is being changed by others: stop them first`);
}

/** Without producers: there is a snapshot, but what it held cannot be read any more. */
async function whatIsLeft(
  parts: EngineParts,
  pk: string,
  call: Call,
): Promise<Omit<SeenSnapshot, 'producers'> & { readonly producers?: Producers }> {
  try {
    return await readSnapshot(parts, pk, call);
  } catch (fault) {
    if (!(fault instanceof StorageFault) || fault.kind !== 'damaged') throw fault;
    const { item, observation } = await snapshotItem(parts.catalog, pk, call);
    return { offset: 0, version: item?.version, observation };
  }
}
