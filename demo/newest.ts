import type { ReadRecord } from './ways.ts';

/** Of every key its newest record, and how many there were: what compaction must leave as it is. */
export interface Newest {
  add(partition: number, record: ReadRecord): void;
  readonly recordCount: number;
  readonly keyCount: number;
  /** UTF-8 bytes of keys and values of all records. */
  readonly bytes: number;
  readonly partitions: readonly ReadonlyMap<string, NewestOfKey>[];
}

interface NewestOfKey {
  readonly count: number;
  readonly offset: number;
  readonly value: string;
}

export function createNewest(partitionCount: number): Newest {
  const partitions = Array.from(
    { length: partitionCount },
    () => new Map<string, { -readonly [name in keyof NewestOfKey]: NewestOfKey[name] }>(),
  );
  let bytes = 0;
  let recordCount = 0;
  return {
    partitions,
    get bytes() {
      return bytes;
    },
    get recordCount() {
      return recordCount;
    },
    get keyCount() {
      return new Set(partitions.flatMap((keys) => [...keys.keys()])).size;
    },
    add: (partition, { key, value, offset }) => {
      const keys = partitions[partition];
      if (keys === undefined) throw new RangeError(`There is no partition ${partition}`);
      recordCount += 1;
      bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
      const newest = keys.get(key);
      if (newest === undefined) {
        keys.set(key, { count: 1, offset, value });
        return;
      }
      newest.count += 1;
      newest.offset = offset;
      newest.value = value;
    },
  };
}

/**
 * One line for everything that compaction took or changed and must not have, and for everything it should have taken and
 * has not; empty if each key has just its newest record. What the values must be comes from what was `sent`, where they
 * must stand from what was read before (`first`).
 */
export function compactionDifferences(ledgers: {
  readonly sent: Newest;
  readonly first: Newest;
  readonly after: Newest;
}): string[] {
  const { sent, first, after } = ledgers;
  const lines: string[] = [];
  for (const [partition, sentKeys] of sent.partitions.entries()) {
    const [firstKeys, afterKeys] = [first.partitions[partition], after.partitions[partition]];
    for (const key of new Set([...sentKeys.keys(), ...(afterKeys?.keys() ?? [])])) {
      const line = keyDifference({
        sent: sentKeys.get(key),
        first: firstKeys?.get(key),
        after: afterKeys?.get(key),
      });
      if (line !== undefined) lines.push(`partition ${partition}, key ${key}: ${line}`);
    }
  }
  return lines;
}

function keyDifference(records: {
  readonly sent: NewestOfKey | undefined;
  readonly first: NewestOfKey | undefined;
  readonly after: NewestOfKey | undefined;
}): string | undefined {
  const { sent, first, after } = records;
  if (sent === undefined) return 'nothing was sent here';
  if (first === undefined) return 'nothing was read here before compaction';
  if (after === undefined) return `nothing is left; the newest stood at offset ${first.offset}`;
  if (after.offset < first.offset) {
    return `the newest, at offset ${first.offset}, is lost: the last that is left stands at ${after.offset}`;
  }
  if (after.offset !== first.offset) return `read at offset ${first.offset} before, now at ${after.offset}`;
  if (after.value !== sent.value) return `another value at offset ${after.offset} than was sent last`;
  return after.count === 1 ? undefined : `${after.count - 1} records older than the newest are left`;
}
