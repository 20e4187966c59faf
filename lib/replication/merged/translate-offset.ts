import type { EngineParts } from '../../engine-parts.ts';
import { readTail } from '../../partition/tail.ts';
import { segmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import type { CopySides } from '../copy/copier.ts';
import { firstFrom, originsAt, type SeenLog } from './origins-at.ts';
import { createOwnReader } from './own-reader.ts';

export interface TranslatedPlace {
  /** `<topic id>:<partition>` in both regions. */
  readonly sourcePk: string;
  readonly targetPk: string;
  /** Aliases of both regions. */
  readonly source: string;
  readonly target: string;
}

/**
 * Where somebody goes on in the target who has read a partition of a merged topic in the source up to `offset`: the first
 * offset such that nothing is lost. ⚑ Behind it stands everything that he has not read there, whichever region it was
 * produced in; what he has read may stand behind it too, at most about what had not been copied one way or the other. Never beyond
 * the target's end. Some thirty small reads. Throws `StorageFault`.
 */
export async function translateOffset(
  { source, target }: CopySides,
  place: TranslatedPlace,
  offset: number,
  call: Call,
): Promise<number> {
  const there = await seen(source, place.sourcePk, call);
  const here = await seen(target, place.targetPk, call);
  const { logStart } = here.bounds;
  // What the source has deleted may be here, and nobody knows any more what it stood between.
  if (offset < there.bounds.logStart) return logStart;
  const read = await originsAt(source, there, offset, call);
  let first = await firstOwn(target, here, read.get(place.target) ?? 0, call);
  const others = new Set([place.source, ...read.keys(), ...(here.tail.origins?.keys() ?? [])]);
  others.delete(place.target);
  for (const region of others) {
    const sourceOffset = region === place.source ? offset : (read.get(region) ?? 0);
    first = Math.min(first, await firstFrom(target, here, { region, sourceOffset }, call));
  }
  return Math.max(first, logStart);
}

/** What was produced in the target, from an offset on: what was copied in between is looked at by itself. */
async function firstOwn(
  target: EngineParts,
  { pk, tail, bounds }: SeenLog,
  offset: number,
  call: Call,
): Promise<number> {
  if (offset >= tail.offset) return tail.offset;
  const sealed = segmentReader({ ...target, readsAhead: false });
  const found = await createOwnReader(target, sealed, pk).read(Math.max(offset, bounds.logStart), 1, call);
  switch (found.kind) {
    case 'batches':
      return Math.max(offset, found.batches[0]?.header.baseOffset ?? offset);
    case 'none':
      return found.before;
    case 'atEnd':
      return Math.min(found.offset, tail.offset);
    case 'endsBefore':
      return offset;
  }
}

async function seen(parts: EngineParts, pk: string, call: Call): Promise<SeenLog> {
  return { pk, ...(await readTail(parts, pk, parts.rules, call)) };
}
