import type { PartitionPlace } from '../../lib/log.ts';
import { batchesIn, decodeBatch, type StoredRecord } from '../../lib/record/index.ts';
import type { Engine } from './engine.ts';

export interface ReadRecords {
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
}

const READ_BYTES = 2 ** 20;

/** Records at or above `offset`, at once; none at the end. OFFSET_OUT_OF_RANGE. */
export async function readMillrace(
  { log, codecs, newCall }: Pick<Engine, 'log' | 'codecs' | 'newCall'>,
  place: PartitionPlace & { readonly topicId?: string },
  offset: number,
): Promise<ReadRecords> {
  const { batches, nextOffset } = await log.fetch({ ...place, offset, maxBytes: READ_BYTES }, newCall());
  const records = batches
    .flatMap((bytes) => [...batchesIn(bytes)])
    .flatMap(({ bytes }) => decodeBatch(codecs, bytes))
    .filter((record) => record.offset >= offset);
  return { records, nextOffset };
}
