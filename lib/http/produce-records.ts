import { MillraceError } from '../errors.ts';
import type { ProduceResult, TopicDescription } from '../log.ts';
import type { Codecs } from '../record/codecs.ts';
import type { CompressionName } from '../record/compression/names.ts';
import { encodeBatch } from '../record/encode-batch.ts';
import type { NewRecord } from '../record/record.ts';
import { configNumber, configValue } from '../topic/configs.ts';
import type { ProduceTerms } from './produce-terms.ts';
import type { Exchange } from './route.ts';

export interface PlacedRecord extends NewRecord {
  readonly partition: number;
}

export type RecordOutcome =
  | {
      readonly kind: 'stored';
      readonly partition: number;
      readonly offset: number;
      readonly timestampMs: number;
    }
  | { readonly kind: 'failed'; readonly error: MillraceError };

/** Header of a batch; the most that a record's own numbers take; of a header's. */
const BATCH_HEADER_BYTES = 61;
const RECORD_NUMBERS_BYTES_MAX = 36;
const HEADER_NUMBERS_BYTES_MAX = 10;

/** Never less than what the record takes in a batch. */
function recordBytesBound(record: NewRecord): number {
  let bytes = RECORD_NUMBERS_BYTES_MAX + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers ?? []) {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    bytes += HEADER_NUMBERS_BYTES_MAX + header.key.length * 3 + (header.value?.length ?? 0);
  }
  return bytes;
}

function compressionOf(topic: TopicDescription): CompressionName {
  const type = configValue(topic.configs, 'compression.type');
  return type === 'producer' || type === 'uncompressed' ? 'none' : (type as CompressionName);
}

/** MESSAGE_TOO_LARGE if the record does not even fit a batch of its own, else undefined. */
export function tooLargeFor(
  topic: TopicDescription,
  codecs: Codecs,
  record: NewRecord,
): MillraceError | undefined {
  const bytesMax = configNumber(topic.configs, 'max.message.bytes');
  if (BATCH_HEADER_BYTES + recordBytesBound(record) <= bytesMax) return undefined;
  const { length } = encodeBatch(codecs, [record], { compression: compressionOf(topic) });
  if (length <= bytesMax) return undefined;
  return new MillraceError(
    'MESSAGE_TOO_LARGE',
    `The record takes ${length} bytes; max.message.bytes of topic '${topic.name}' is ${bytesMax}`,
  );
}

/** As few batches as `max.message.bytes` allows, one behind the other; what carries a producer's sequence is one batch. */
function encodeAll(
  codecs: Codecs,
  topic: TopicDescription,
  records: readonly NewRecord[],
  { producer }: ProduceTerms,
): Uint8Array {
  const bytesMax = configNumber(topic.configs, 'max.message.bytes');
  const options = { compression: compressionOf(topic) };
  if (producer !== undefined) return encodeBatch(codecs, records, { ...options, producer });
  const batches: Uint8Array[] = [];
  let start = 0;
  let bytes = BATCH_HEADER_BYTES;
  for (const [index, record] of records.entries()) {
    const more = recordBytesBound(record);
    if (index > start && bytes + more > bytesMax) {
      batches.push(encodeBatch(codecs, records.slice(start, index), options));
      start = index;
      bytes = BATCH_HEADER_BYTES;
    }
    bytes += more;
  }
  const last = encodeBatch(codecs, start === 0 ? records : records.slice(start), options);
  return batches.length === 0 ? last : Buffer.concat([...batches, last]);
}

function byPartition(records: readonly PlacedRecord[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const [index, { partition }] of records.entries()) {
    const group = groups.get(partition);
    if (group === undefined) groups.set(partition, [index]);
    else group.push(index);
  }
  return groups;
}

/**
 * Appends the records, each partition's in one all-or-nothing produce, all partitions at once. Answers in the order of
 * `records`, whose sizes were checked (`tooLargeFor`). Throws only what is not an expected answer.
 */
export async function produceRecords(
  exchange: Exchange,
  request: {
    readonly topic: TopicDescription;
    readonly records: readonly PlacedRecord[];
    readonly terms: ProduceTerms;
  },
): Promise<readonly RecordOutcome[]> {
  const { topic, records, terms } = request;
  const outcomes = new Array<RecordOutcome>(records.length);

  const produceGroup = async (partition: number, indexes: readonly number[]): Promise<void> => {
    const group = indexes.map((index) => records[index] as PlacedRecord);
    const result = await produceOne(exchange, topic, { partition, records: group, terms });
    for (const [position, index] of indexes.entries()) {
      outcomes[index] =
        result instanceof MillraceError
          ? { kind: 'failed', error: result }
          : stored(records[index] as PlacedRecord, result, position);
    }
  };

  const groups = [...byPartition(records)];
  const [only] = groups;
  if (only !== undefined && groups.length === 1) await produceGroup(...only);
  else await Promise.all(groups.map((group) => produceGroup(...group)));
  return outcomes;
}

function stored(record: PlacedRecord, result: ProduceResult, position: number): RecordOutcome {
  return {
    kind: 'stored',
    partition: record.partition,
    offset: result.baseOffset + position,
    timestampMs: result.logAppendTimeMs === -1 ? record.timestampMs : result.logAppendTimeMs,
  };
}

async function produceOne(
  { services, request, call }: Exchange,
  topic: TopicDescription,
  group: {
    readonly partition: number;
    readonly records: readonly PlacedRecord[];
    readonly terms: ProduceTerms;
  },
): Promise<ProduceResult | MillraceError> {
  try {
    const batches = encodeAll(services.codecs, topic, group.records, group.terms);
    const { partition, terms } = group;
    const { identity, expectedOffset } = terms;
    return await services.log.produce(
      {
        topic: topic.name,
        partition,
        batches,
        ...identity,
        ...(expectedOffset === undefined ? {} : { expectedOffset }),
      },
      call,
    );
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (error.row.httpStatus === 500) services.noteFault(request, error);
    return error;
  }
}
