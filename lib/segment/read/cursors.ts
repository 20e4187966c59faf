/** Where a reader of a partition that goes on from its last answer will ask next. */
export interface Cursor {
  readonly offset: number;
  readonly objectKey: string;
  /** The byte of the object at which `offset` begins. */
  readonly position: number;
}

export interface Cursors {
  /** The cursor that stands at `offset`, if a reader has come that far: it is taken away, to be put back further on. */
  take(pk: string, offset: number): Cursor | undefined;
  /** Answers the cursor that had to make room: a reader that went away, or elsewhere. */
  put(pk: string, cursor: Cursor): Cursor | undefined;
}

const PARTITIONS_MAX = 1_024;
/** Sequential readers of one partition that are told apart. */
const READERS_MAX = 4;

/** Tells sequential readers from others: nothing in a fetch says who asks, but where it begins does. */
export function cursors(): Cursors {
  const byPartition = new Map<string, Cursor[]>();
  return {
    take(pk, offset) {
      const standing = byPartition.get(pk) ?? [];
      const index = standing.findIndex((cursor) => cursor.offset === offset);
      return index === -1 ? undefined : standing.splice(index, 1)[0];
    },
    put(pk, cursor) {
      const standing = byPartition.get(pk) ?? [];
      byPartition.delete(pk);
      byPartition.set(pk, standing);
      standing.push(cursor);
      if (byPartition.size > PARTITIONS_MAX) {
        for (const oldest of byPartition.keys()) {
          byPartition.delete(oldest);
          break;
        }
      }
      return standing.length > READERS_MAX ? standing.shift() : undefined;
    },
  };
}
