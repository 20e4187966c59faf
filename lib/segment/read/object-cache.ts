import type { Meter, Usage } from '../../storage/meter.ts';

/** A stretch of an object that is in memory, or on its way into it. It begins and ends between two batches. */
export interface Extent {
  readonly objectKey: string;
  readonly start: number;
  readonly end: number;
  /** Resolves to undefined if it could not be read: whoever needs it reads for himself. Never rejects. */
  readonly bytes: Promise<Uint8Array | undefined>;
}

export interface ObjectCache {
  /** The stretch that holds `position`. What it cost to read ahead is charged to the first who uses it. */
  use(objectKey: string, position: number, meter: Meter): Extent | undefined;
  /** Up to where there are stretches, one behind the other, from `position` on; `position` itself if there is none. */
  endOf(objectKey: string, position: number): number;
  add(extent: Extent): void;
  /** As `add`, for what nobody has asked for yet; `usage` is what reading it cost, once its bytes are there. */
  addAhead(extent: Extent, usage: () => Usage): void;
  /** Read ahead and not used so far. */
  readonly aheadBytes: number;
  drop(extent: Extent): void;
  /** What was read ahead from `position` on and has not been used. */
  dropAhead(objectKey: string, position: number): void;
  forget(objectKey: string): void;
}

/** At most `bytesMax` in all; what was used longest ago goes first. Objects never change, so nothing in it can be stale. */
export function objectCache(bytesMax: number): ObjectCache {
  /** The least recently used first. A function where the reading has not been paid for. */
  const held = new Map<Extent, (() => Usage) | undefined>();
  const byObject = new Map<string, Set<Extent>>();
  let bytes = 0;
  let aheadBytes = 0;

  const lengthOf = ({ start, end }: Extent): number => end - start;
  const find = (objectKey: string, position: number): Extent | undefined => {
    let best: Extent | undefined;
    for (const extent of byObject.get(objectKey) ?? []) {
      const holds = extent.start <= position && position < extent.end;
      if (holds && (best === undefined || extent.end > best.end)) best = extent;
    }
    return best;
  };
  const drop = (extent: Extent): void => {
    if (!held.has(extent)) return;
    if (held.get(extent) !== undefined) aheadBytes -= lengthOf(extent);
    held.delete(extent);
    bytes -= lengthOf(extent);
    const siblings = byObject.get(extent.objectKey);
    siblings?.delete(extent);
    if (siblings?.size === 0) byObject.delete(extent.objectKey);
  };
  const hold = (extent: Extent, usage: (() => Usage) | undefined): void => {
    held.set(extent, usage);
    bytes += lengthOf(extent);
    if (usage !== undefined) aheadBytes += lengthOf(extent);
    const siblings = byObject.get(extent.objectKey) ?? new Set();
    byObject.set(extent.objectKey, siblings.add(extent));
    for (const oldest of held.keys()) {
      if (bytes <= bytesMax) break;
      drop(oldest);
    }
  };

  return {
    get aheadBytes() {
      return aheadBytes;
    },
    use(objectKey, position, meter) {
      const extent = find(objectKey, position);
      if (extent === undefined) return undefined;
      const usage = held.get(extent);
      if (usage !== undefined) {
        aheadBytes -= lengthOf(extent);
        void extent.bytes.then(() => meter.add(usage()));
      }
      held.delete(extent);
      held.set(extent, undefined);
      return extent;
    },
    endOf(objectKey, position) {
      let end = position;
      for (let next = find(objectKey, end); next !== undefined; next = find(objectKey, end)) end = next.end;
      return end;
    },
    add: (extent) => hold(extent, undefined),
    addAhead: hold,
    drop,
    dropAhead(objectKey, position) {
      for (const extent of [...(byObject.get(objectKey) ?? [])]) {
        if (extent.start >= position && held.get(extent) !== undefined) drop(extent);
      }
    },
    forget: (objectKey) => {
      for (const extent of [...(byObject.get(objectKey) ?? [])]) drop(extent);
    },
  };
}
