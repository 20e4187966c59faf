import { StorageFault } from '../storage/fault.ts';
import type { AttributeValue } from '../storage/table.ts';

/** What a topic was a copy of until it was promoted: from then on it is written here. */
export interface PromotedFrom {
  /** Alias of the region that it came from. Its topic there had the same name. */
  readonly source: string;
  readonly topicId: string;
  /**
   * By partition, where the copy ended when that was looked at, before anybody could write here. A replicator that did not
   * know of the promotion may have brought more of the source's records behind it, until the first of here.
   */
  readonly endOffsets: readonly number[];
}

/*
 * Attribute `m` of a topic's item: {s: source, i: topic id, e: end offsets, each followed by a space but the last}
 */
export function promotedToAttribute({ source, topicId, endOffsets }: PromotedFrom): AttributeValue {
  return { s: source, i: topicId, e: endOffsets.join(' ') };
}

/** Throws `StorageFault` (`damaged`). */
export function promotedFromAttribute(stored: Readonly<Record<string, string>>): PromotedFrom {
  const { s: source = '', i: topicId = '', e = '' } = stored;
  const endOffsets = e.split(' ').map(Number);
  if (source === '' || topicId === '' || !endOffsets.every(Number.isSafeInteger)) {
    throw new StorageFault(
      'damaged',
      `what a topic was promoted from is not told by '${JSON.stringify(stored)}'`,
    );
  }
  return { source, topicId, endOffsets };
}
