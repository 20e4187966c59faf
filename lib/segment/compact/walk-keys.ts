import { MillraceError } from '../../errors.ts';
import type { BatchIn } from '../../record/batches-in.ts';
import type { Codecs } from '../../record/codecs.ts';
import { openSection } from '../../record/decode-batch.ts';
import { type ByteReader, readVarint, readVarlong } from '../../record/varint.ts';

/** `length` -1: the record has no key. */
export type VisitKey = (section: Uint8Array, offset: number, at: number, length: number) => void;

/**
 * Goes through the keys of a batch and jumps over what follows them: a map of keys needs nothing else, and the records
 * that stay are looked at whole when they are copied. Throws CORRUPT_MESSAGE where what is read is no record of this
 * batch in offset order, and what `openSection` throws.
 */
export function walkKeys(codecs: Codecs, { header, bytes }: BatchIn, visit: VisitKey): void {
  const section = openSection(codecs, bytes, header);
  const { baseOffset, lastOffsetDelta, recordCount } = header;
  const reader: ByteReader = { bytes: section, at: 0, end: section.length };
  let last = -1;
  for (let index = 0; index < recordCount; index += 1) {
    const bodyBytes = readVarint(reader);
    const endAt = reader.at + bodyBytes;
    // Its attributes are one byte without a meaning.
    reader.at += 1;
    readVarlong(reader);
    const offsetDelta = readVarint(reader);
    const keyBytes = readVarint(reader);
    const isSound =
      endAt <= section.length &&
      reader.at + Math.max(0, keyBytes) <= endAt &&
      keyBytes >= -1 &&
      offsetDelta > last &&
      offsetDelta <= lastOffsetDelta;
    if (!isSound) throw corrupt(`what stands where record ${index} should is none`);
    visit(section, baseOffset + offsetDelta, reader.at, keyBytes);
    last = offsetDelta;
    reader.at = endAt;
  }
  if (reader.at !== section.length) throw corrupt(`the last of ${recordCount} records is not the end`);
}

const corrupt = (message: string): MillraceError => new MillraceError('CORRUPT_MESSAGE', message);
