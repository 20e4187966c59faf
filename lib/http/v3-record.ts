import type { MillraceError } from '../errors.ts';
import type { TopicDescription } from '../log.ts';
import type { NewRecord } from '../record/record.ts';
import { partitionForKey } from '../topic/partitioner.ts';
import { decodeBase64, encodeEmbedded } from './embedded.ts';
import { type ErrorBody, HttpError, unprocessable } from './http-error.ts';
import type { EmbeddedFormat } from './media-type.ts';
import { missingPartition } from './number-param.ts';
import { type PlacedRecord, produceRecords, type RecordOutcome, tooLargeFor } from './produce-records.ts';
import { boundToPartition, checkOnePartition, type ProduceTerms, unplaced } from './produce-terms.ts';
import { formatTime, parseTime } from './rfc3339.ts';
import type { Exchange } from './route.ts';
import type { EmbeddedDataRequest, RecordRequest } from './schemas/v3.ts';

/** A record of the v3 API on its way in: what was sent, and what became of it. */
export type Entry =
  | { readonly kind: 'good'; readonly body: RecordRequest; readonly record: PlacedRecord }
  | { readonly kind: 'bad'; readonly error: ErrorBody };

const FORMATS: Readonly<Record<string, EmbeddedFormat>> = { BINARY: 'binary', JSON: 'json', STRING: 'text' };

/** How the REST Proxy words what is wrong with one record of a stream. */
export const payloadError = (message: string, kafkaError: ErrorBody['kafka_error']): ErrorBody => ({
  error_code: 422,
  message: `Error: 42206 : ${message}`,
  kafka_error: kafkaError,
});

/** Any error that concerns one record only. */
function entryError(error: HttpError | MillraceError): ErrorBody {
  if (!(error instanceof HttpError)) {
    return { error_code: error.row.restCode, message: error.message, kafka_error: error.code };
  }
  if (error.status === 422 || error.status === 400) return payloadError(error.message, error.kafkaError);
  return { error_code: error.restCode, message: error.message, kafka_error: error.kafkaError };
}

function dataOf(data: EmbeddedDataRequest | null | undefined, place: string): Uint8Array | null {
  if (data === null || data === undefined) return null;
  const type = data.type ?? undefined;
  const format = type === undefined ? undefined : FORMATS[type.toUpperCase()];
  if (format === undefined) {
    const wanted = type === undefined ? 'no type' : `the type ${type}`;
    const message = `The ${place} has ${wanted}, which needs a schema registry; use BINARY, JSON or STRING`;
    throw new HttpError({ status: 422, kafkaError: 'INVALID_RECORD' }, message);
  }
  return encodeEmbedded(format, data.data, `The ${place}`);
}

function timestampOf(text: string | null | undefined, nowMs: number): number {
  if (text === null || text === undefined) return nowMs;
  const timestampMs = parseTime(text);
  if (timestampMs !== undefined && timestampMs >= 0) return timestampMs;
  throw new HttpError(
    { status: 422, kafkaError: 'INVALID_TIMESTAMP' },
    'The timestamp must be an RFC 3339 time from 1970 on',
  );
}

function newRecord(body: RecordRequest, nowMs: number): NewRecord {
  const headers = body.headers?.map(({ name, value }, index) => ({
    key: name,
    value: value === null || value === undefined ? null : decodeBase64(value, `headers[${index}].value`),
  }));
  return {
    timestampMs: timestampOf(body.timestamp, nowMs),
    key: dataOf(body.key, 'key'),
    value: dataOf(body.value, 'value'),
    ...(headers === undefined ? {} : { headers }),
  };
}

function partitionOf(
  exchange: Exchange,
  topic: TopicDescription,
  record: { readonly wanted: number | null | undefined; readonly key: Uint8Array | null },
  terms: ProduceTerms,
): number {
  const { partitionCount, topicId } = topic;
  if (record.wanted !== null && record.wanted !== undefined) {
    if (record.wanted >= partitionCount) throw missingPartition(record.wanted);
    return record.wanted;
  }
  if (record.key !== null) return partitionForKey(record.key, partitionCount);
  if (boundToPartition(terms)) throw unplaced();
  const idempotencyKey = terms.identity?.idempotencyKey;
  return exchange.services.keylessPartition({ topicId, partitionCount, recordCount: 1, idempotencyKey });
}

/** Checks and encodes one record. What is wrong with it is its own affair: the others go on. */
export function readEntry(
  exchange: Exchange,
  topic: TopicDescription,
  body: RecordRequest,
  terms: ProduceTerms,
): Entry {
  try {
    const record = newRecord(body, exchange.services.clock.wallMs());
    const wanted = { wanted: body.partition_id, key: record.key };
    const placed = { ...record, partition: partitionOf(exchange, topic, wanted, terms) };
    const tooLarge = tooLargeFor(topic, exchange.services.codecs, placed);
    if (tooLarge !== undefined) return { kind: 'bad', error: entryError(tooLarge) };
    return { kind: 'good', body, record: placed };
  } catch (error) {
    if (error instanceof HttpError) return { kind: 'bad', error: entryError(error) };
    throw error;
  }
}

const sizeOf = (
  data: EmbeddedDataRequest | null | undefined,
  bytes: Uint8Array | null,
): { readonly type: string; readonly size: number } | undefined =>
  data === null || data === undefined
    ? undefined
    : { type: (data.type ?? '').toUpperCase(), size: bytes?.length ?? 0 };

export type Report =
  | { readonly kind: 'stored'; readonly report: object }
  | { readonly kind: 'failed'; readonly error: ErrorBody };

function reportOf(exchange: Exchange, entry: Entry & { kind: 'good' }, outcome: RecordOutcome): Report {
  if (outcome.kind === 'failed') return { kind: 'failed', error: entryError(outcome.error) };
  const { body, record } = entry;
  const report = {
    cluster_id: exchange.services.log.clusterId,
    topic_name: exchange.params.topic,
    partition_id: outcome.partition,
    offset: outcome.offset,
    timestamp: formatTime(outcome.timestampMs),
    key: sizeOf(body.key, record.key),
    value: sizeOf(body.value, record.value),
  };
  return { kind: 'stored', report };
}

/** Of records that are numbered none can be left out, so one that is wrong is wrong for all. */
function checkBound(entries: readonly Entry[], records: readonly PlacedRecord[], terms: ProduceTerms): void {
  if (!boundToPartition(terms)) return;
  const bad = entries.find((entry) => entry.kind === 'bad');
  if (bad?.kind === 'bad') throw unprocessable(bad.error.message, bad.error.kafka_error);
  checkOnePartition(terms, records);
}

/**
 * Appends the good entries and reports on all, in their order. With a producer id or an expected offset they are stored
 * together or not at all, and what went wrong is thrown.
 */
export async function produceEntries(
  exchange: Exchange,
  topic: TopicDescription,
  entries: readonly Entry[],
  terms: ProduceTerms,
): Promise<readonly Report[]> {
  const good = entries.filter((entry) => entry.kind === 'good');
  const records = good.map(({ record }) => record);
  checkBound(entries, records, terms);
  const outcomes = await produceRecords(exchange, { topic, records, terms });
  if (boundToPartition(terms) && outcomes[0]?.kind === 'failed') throw outcomes[0].error;
  let next = 0;
  return entries.map((entry) => {
    if (entry.kind === 'bad') return { kind: 'failed', error: entry.error };
    const outcome = outcomes[next] as RecordOutcome;
    next += 1;
    return reportOf(exchange, entry, outcome);
  });
}
