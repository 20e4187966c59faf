import { batchesIn, type Codecs } from '../../lib/record/index.ts';
import { decodeRecords, type TextRecord } from './records.ts';
import type { Storage } from './storage.ts';

export interface ObjectContent {
  readonly bytes: number;
  readonly records: readonly TextRecord[];
}

/** What lies in a segment's object, or lay in it before it was deleted. */
export type ObjectContents = (objectKey: string) => ObjectContent | undefined;

export function readObjects(storage: Storage, codecs: Codecs): ObjectContents {
  const known = new Map<string, ObjectContent>();
  return (objectKey) => {
    const bytes = storage.bucket.everStored(objectKey);
    if (bytes === undefined) return undefined;
    const content = known.get(objectKey) ?? {
      bytes: bytes.length,
      records: [...batchesIn(bytes)].flatMap((batch) => decodeRecords(codecs, batch.bytes)),
    };
    known.set(objectKey, content);
    return content;
  };
}
