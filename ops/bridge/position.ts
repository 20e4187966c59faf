import type { StoredRecord } from '../../lib/record/index.ts';

/** How far a partition has been copied: everything of the source below `sourceNext` lies in the target below `targetEnd`. */
export interface Position {
  readonly sourceNext: number;
  readonly targetEnd: number;
}

/** The text beside the target's end in the bridge's group: whose offset, and the offset. */
export function positionNote(sourceTopicId: string, sourceNext: number): string {
  return `${sourceTopicId}:${sourceNext}`;
}

/** Throws an error with one line if somebody else wrote the note, or if the source was made anew since. */
export function readNote(note: string, sourceTopicId: string): number {
  const at = note.lastIndexOf(':');
  const offset = Number(note.slice(at + 1));
  if (at < 0 || note.length === at + 1 || !Number.isSafeInteger(offset)) {
    throw new Error(`the bridge's group has a position that the bridge did not write: '${note}'`);
  }
  if (note.slice(0, at) !== sourceTopicId) {
    throw new Error(
      'the topic was deleted and made anew in Kafka since it was copied; choose another name with --to',
    );
  }
  return offset;
}

/**
 * Where the source goes on, when `appended` lies in the target behind the last position that was noted: one record of
 * the source for each of them, in their order. ⚑ They are compared: a source that has lost records since (retention,
 * compaction), or somebody else's records in the target, must not be counted as copied. Throws an error with one line.
 */
export function sourceBehind(appended: readonly StoredRecord[], source: readonly StoredRecord[]): number {
  const odd = appended.findIndex((record, index) => !isSame(record, source[index]));
  const last = source[appended.length - 1];
  if (odd >= 0 || last === undefined) {
    const offset = appended[Math.max(odd, 0)]?.offset;
    throw new Error(
      `the target holds a record at offset ${offset} that is not the source's next one: somebody else wrote it, or the source has dropped records since; nothing is copied`,
    );
  }
  return last.offset + 1;
}

function isSame(one: StoredRecord, other: StoredRecord | undefined): boolean {
  return (
    other !== undefined &&
    one.timestampMs === other.timestampMs &&
    isSameBytes(one.key, other.key) &&
    isSameBytes(one.value, other.value) &&
    one.headers.length === other.headers.length &&
    one.headers.every(({ key, value }, index) => {
      const header = other.headers[index];
      return header?.key === key && isSameBytes(value, header.value);
    })
  );
}

function isSameBytes(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other;
  return Buffer.compare(one, other) === 0;
}
