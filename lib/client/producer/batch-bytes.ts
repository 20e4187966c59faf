import { MillraceError } from '../../errors.ts';
import type { TopicDescription } from '../../log.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { CompressionName } from '../../record/compression/names.ts';
import { encodeBatch } from '../../record/encode-batch.ts';
import { HEADER_BYTES } from '../../record/header.ts';
import type { NewRecord } from '../../record/record.ts';
import { planRecords } from '../../record/write-records.ts';
import { configNumber, configValue } from '../../topic/configs.ts';

/** What a record's timestamp and offset may take more inside a batch than at its beginning, its own length included. */
const DELTAS_BYTES_MAX = 16;

/** Never less than what the record takes in a batch before compression. INVALID_TIMESTAMP, MESSAGE_TOO_LARGE. */
export function recordBytesBound(record: NewRecord): number {
  return planRecords([record]).totalBytes + DELTAS_BYTES_MAX;
}

/** The codec to encode with: the topic's own, where it has one, so that nothing is compressed twice. */
export function compressionFor(topic: TopicDescription, preferred: CompressionName): CompressionName {
  const type = configValue(topic.configs, 'compression.type');
  if (type === 'producer') return preferred;
  return type === 'uncompressed' ? 'none' : (type as CompressionName);
}

/** MESSAGE_TOO_LARGE if the record does not even fit a batch of its own. */
export function checkFits(
  codecs: Codecs,
  topic: TopicDescription,
  { record, bytes, compression }: { record: NewRecord; bytes: number; compression: CompressionName },
): void {
  const bytesMax = configNumber(topic.configs, 'max.message.bytes');
  if (HEADER_BYTES + bytes <= bytesMax) return;
  const { length } = encodeBatch(codecs, [record], { compression });
  if (length <= bytesMax) return;
  throw new MillraceError(
    'MESSAGE_TOO_LARGE',
    `The record takes ${length} bytes; max.message.bytes of topic '${topic.name}' is ${bytesMax}`,
  );
}
