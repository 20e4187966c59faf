import type { EngineParts } from '../../engine-parts.ts';
import { chunkFromItem } from '../../partition/chunk.ts';
import { readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';

/** Offsets without records, `[from, to)`. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

export interface SureBounds {
  /** Throws `StorageFault` (`damaged`) where a hole is not what storage is sure of. */
  confirm(holes: readonly Hole[], call: Call): Promise<void>;
}

/**
 * ⚑ A source has no records at an offset if its log start or its sealed end lies beyond (sealed data never change but for
 * compaction), or if a chunk that keeps offsets covers it, for that was sure when the chunk was copied. Bounds only grow, so
 * what a consistent look has shown once is sure for ever.
 */
export function sureBounds(parts: Pick<EngineParts, 'hot' | 'catalog'>, pk: string): SureBounds {
  let sureBelow = 0;

  const isInsideCopy = async ({ from, to }: Hole, call: Call): Promise<boolean> => {
    const range = { to: from, reverse: true, limit: 1, consistent: true };
    const { items } = await parts.hot.query(pk, range, call);
    const chunk = items[0] === undefined ? undefined : chunkFromItem(items[0]);
    return chunk?.keepsOffsets === true && from < chunk.endOffset && to <= chunk.endOffset;
  };

  return {
    confirm: async (holes, call) => {
      const last = holes.at(-1);
      if (last === undefined || last.to <= sureBelow) return;
      const { sealedEnd, logStart } = await readBounds(parts.catalog, pk, { consistent: true }, call);
      sureBelow = Math.max(sealedEnd, logStart);
      for (const hole of holes) {
        if (hole.to <= sureBelow || (await isInsideCopy(hole, call))) continue;
        const message = `Partition ${pk}: no records were found at offsets ${hole.from} to ${hole.to - 1}`;
        throw new StorageFault('damaged', message);
      }
    },
  };
}
