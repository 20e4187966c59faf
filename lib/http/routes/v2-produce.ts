import type { ErrorCode, MillraceError } from '../../errors.ts';
import type { TopicDescription } from '../../log.ts';
import type { NewRecord } from '../../record/record.ts';
import { partitionForKey } from '../../topic/partitioner.ts';
import { decodeBase64, encodeEmbedded } from '../embedded.ts';
import { HttpError, unprocessable } from '../http-error.ts';
import { checkShape, readJson } from '../json-body.ts';
import { type EmbeddedFormat, producedFormat } from '../media-type.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { missingPartition, partitionParam } from '../number-param.ts';
import { type PlacedRecord, produceRecords, type RecordOutcome, tooLargeFor } from '../produce-records.ts';
import {
  boundToPartition,
  checkOnePartition,
  type ProduceTerms,
  TERMS_HEADERS,
  termsOf,
  unplaced,
} from '../produce-terms.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { type Schema, UnexpectedTailAnswer } from '../schemas/common.ts';
import {
  PartitionProduce,
  ProduceAnswer,
  type ProduceBody,
  type RecordBody,
  TopicProduce,
} from '../schemas/v2.ts';

type Headers = RecordBody['headers'];

function encodeHeaders(headers: Headers, place: string): NewRecord['headers'] {
  return headers?.map(({ key, value }, index) => ({
    key,
    value: value === null || value === undefined ? null : decodeBase64(value, `${place}[${index}].value`),
  }));
}

function newRecord(format: EmbeddedFormat, body: RecordBody, index: number, nowMs: number): NewRecord {
  const headers = encodeHeaders(body.headers, `records[${index}].headers`);
  return {
    timestampMs: body.timestamp ?? nowMs,
    key: encodeEmbedded(format, body.key, `records[${index}].key`),
    value: encodeEmbedded(format, body.value, `records[${index}].value`),
    ...(headers === undefined ? {} : { headers }),
  };
}

/** Chosen by the client, by the key, or by the process, in this order. */
function placeRecords(
  exchange: Exchange,
  topic: TopicDescription,
  records: readonly { readonly record: NewRecord; readonly wanted: number | null | undefined }[],
  terms: ProduceTerms,
): readonly PlacedRecord[] {
  const { partitionCount, topicId } = topic;
  let keyless: number | undefined;
  const keylessPartition = (): number => {
    if (boundToPartition(terms)) throw unplaced();
    keyless ??= exchange.services.keylessPartition({
      topicId,
      partitionCount,
      recordCount: records.length,
      idempotencyKey: terms.identity?.idempotencyKey,
    });
    return keyless;
  };
  return records.map(({ record, wanted }) => {
    if (wanted !== null && wanted !== undefined) {
      if (wanted >= partitionCount) throw missingPartition(wanted);
      return { ...record, partition: wanted };
    }
    const partition = record.key === null ? keylessPartition() : partitionForKey(record.key, partitionCount);
    return { ...record, partition };
  });
}

/** The REST Proxy's numbers for what happened to a record in the log. */
function answerFor(outcome: RecordOutcome): unknown {
  if (outcome.kind === 'stored') {
    return { partition: outcome.partition, offset: outcome.offset, error_code: null, error: null };
  }
  const { code, message, row } = outcome.error;
  return {
    partition: null,
    offset: null,
    error_code: row.retriable ? 50003 : 50002,
    error: `${code}: ${message}`,
  };
}

/** One error that met every record is the request's error: then nothing was stored, and the status can say so. */
function commonError(outcomes: readonly RecordOutcome[]): MillraceError | undefined {
  const [first] = outcomes;
  if (first === undefined || first.kind === 'stored') return undefined;
  const { code } = first.error;
  const same = outcomes.every((outcome) => outcome.kind === 'failed' && outcome.error.code === code);
  return same ? first.error : undefined;
}

function answer(outcomes: readonly RecordOutcome[]): HttpResponse {
  const error = commonError(outcomes);
  if (error !== undefined) throw error;
  const offsets = outcomes.map(answerFor);
  return jsonResponse(200, MEDIA.v2, { offsets, key_schema_id: null, value_schema_id: null });
}

async function produceJson(
  exchange: Exchange,
  schema: Schema<ProduceBody>,
  pathPartition: number | undefined,
): Promise<HttpResponse> {
  const { request, services, call } = exchange;
  const { format, charset } = producedFormat(request.headers['content-type']);
  if (format === 'batches') {
    throw new HttpError({ status: 415 }, 'Record batches are produced to one partition: name it in the path');
  }
  if (request.body.length === 0) throw new HttpError({ status: 422 }, 'The body is empty');
  const body = checkShape(schema, readJson(request.body, charset));
  const terms = termsOf(request);
  const nowMs = services.clock.wallMs();
  const records = body.records.map((record, index) => ({
    record: newRecord(format, record, index, nowMs),
    wanted: pathPartition ?? record.partition,
  }));
  const topic = await services.log.resolveTopic(param(exchange, 'topic'), call);
  const placed = placeRecords(exchange, topic, records, terms);
  checkOnePartition(terms, placed);
  for (const record of placed) {
    const tooLarge = tooLargeFor(topic, services.codecs, record);
    if (tooLarge !== undefined) throw tooLarge;
  }
  return answer(await produceRecords(exchange, { topic, records: placed, terms }));
}

async function produceBatches(exchange: Exchange, partition: number): Promise<HttpResponse> {
  const { request, services, call } = exchange;
  if (request.body.length === 0) throw new HttpError({ status: 422 }, 'The body is empty');
  const { identity, producer, expectedOffset } = termsOf(request);
  if (producer !== undefined) {
    throw unprocessable('Record batches carry their own producer id; leave the headers away');
  }
  const topic = await services.log.resolveTopic(param(exchange, 'topic'), call);
  if (partition >= topic.partitionCount) throw missingPartition(partition);
  const result = await services.log.produce(
    {
      topic: topic.name,
      partition,
      batches: request.body,
      ...identity,
      ...(expectedOffset === undefined ? {} : { expectedOffset }),
    },
    call,
  );
  const offsets = [{ partition, offset: result.baseOffset, error_code: null, error: null }];
  return jsonResponse(200, MEDIA.v2, { offsets, key_schema_id: null, value_schema_id: null });
}

const produceToPartition = (exchange: Exchange): Promise<HttpResponse> => {
  const partition = partitionParam(param(exchange, 'partition'));
  const { format } = producedFormat(exchange.request.headers['content-type']);
  return format === 'batches'
    ? produceBatches(exchange, partition)
    : produceJson(exchange, PartitionProduce, partition);
};

const embedded = (schema: Schema): Record<string, Schema> => ({
  'application/vnd.kafka.binary.v2+json': schema,
  'application/vnd.kafka.json.v2+json': schema,
  'application/vnd.kafka.text.v2+json': schema,
});
const responses = {
  200: {
    description: 'One entry for every record, in the order sent.',
    content: { [MEDIA.v2]: ProduceAnswer },
  },
  412: {
    description: 'The partition does not end at the expected offset; nothing was stored.',
    content: { [MEDIA.v2]: UnexpectedTailAnswer },
  },
};
const restCodes: Partial<Record<ErrorCode, number>> = { UNKNOWN_TOPIC_OR_PARTITION: 40401 };

export const v2ProduceRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/topics/{topic}',
    group: 'produce',
    api: 'v2',
    metered: true,
    restCodes,
    doc: {
      operationId: 'produceToTopic',
      summary: 'Appends records to a topic. Keys choose partitions as in the Java client.',
      headers: TERMS_HEADERS,
      body: embedded(TopicProduce),
      responses,
    },
    handle: (exchange) => produceJson(exchange, TopicProduce, undefined),
  },
  {
    method: 'POST',
    path: '/topics/{topic}/partitions/{partition}',
    group: 'produce',
    api: 'v2',
    metered: true,
    restCodes,
    doc: {
      operationId: 'produceToPartition',
      summary: 'Appends records to one partition, as JSON or as record batches.',
      headers: TERMS_HEADERS,
      body: { ...embedded(PartitionProduce), [MEDIA.batches]: 'bytes' },
      responses,
    },
    handle: produceToPartition,
  },
];
