import { readVarlong, varlongBytes, writeVarlong } from '../../record/varint.ts';
import type { HeldPartition } from './instance.ts';

/** The numbers of one topic's partitions in an instance's item. */
export type HeldNumbers = Pick<HeldPartition, 'partition' | 'next' | 'committed'>;

/*
 * Three zig-zag varints for each partition, because the item is written with every read that answers something:
 *
 *   partition   next   committed − next        an offset that is not known counts as −1
 */
const fieldsOf = ({ partition, next = -1, committed = -1 }: HeldNumbers): readonly number[] => [
  partition,
  next,
  committed - next,
];

export function encodeHeld(held: readonly HeldNumbers[]): Uint8Array {
  const fields = held.flatMap(fieldsOf);
  const bytes = new Uint8Array(fields.reduce((total, field) => total + varlongBytes(field), 0));
  let at = 0;
  for (const field of fields) at = writeVarlong(bytes, at, field);
  return bytes;
}

/** Throws CORRUPT_MESSAGE on bytes that were not written by `encodeHeld`. */
export function decodeHeld(bytes: Uint8Array): readonly HeldNumbers[] {
  const reader = { bytes, at: 0, end: bytes.length };
  const held: HeldNumbers[] = [];
  while (reader.at < reader.end) {
    const partition = readVarlong(reader);
    const next = readVarlong(reader);
    const committed = next + readVarlong(reader);
    held.push({ partition, next: known(next), committed: known(committed) });
  }
  return held;
}

const known = (offset: number): number | undefined => (offset < 0 ? undefined : offset);
