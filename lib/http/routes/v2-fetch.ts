import { LIMITS } from '../../limits.ts';
import type { FetchResult } from '../../log.ts';
import { consumedFormat, embeddedMedia } from '../media-type.ts';
import { type HttpResponse, MEDIA } from '../message.ts';
import { badQuery, numberQuery, offsetQuery, partitionParam } from '../number-param.ts';
import { encodeRecords } from '../records-answer.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { ConsumedRecords } from '../schemas/v2.ts';

/** Where an answer that nobody may wait for any more has to be sent before the transport's own deadline. */
const ANSWER_MARGIN_MS = 250;
const WAIT_MS_DEFAULT = 1_000;
const COUNT_MAX = 1_000_000;

interface Wish {
  readonly topic: string;
  readonly partition: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  readonly count: number;
}

function readWish(exchange: Exchange, query: URLSearchParams): Wish {
  const { call, services, params } = exchange;
  const timeout = numberQuery(query, 'timeout', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const maxBytes = numberQuery(query, 'max_bytes', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const leftMs = call.deadlineMs - services.clock.monotonicMs() - ANSWER_MARGIN_MS;
  return {
    topic: param(exchange, 'topic'),
    partition: partitionParam(params.partition ?? ''),
    maxBytes: Math.min(maxBytes ?? LIMITS.fetchBytesDefault, services.answerBytesMax),
    waitMs: Math.max(0, Math.min(timeout ?? WAIT_MS_DEFAULT, LIMITS.fetchWaitMsMax, leftMs)),
    count: numberQuery(query, 'count', { min: 1, max: COUNT_MAX }) ?? COUNT_MAX,
  };
}

/** The offset to read from: given, or found by time, or counted back from the end. */
async function startOffset(exchange: Exchange, query: URLSearchParams, wish: Wish): Promise<number> {
  const offset = offsetQuery(query, 'offset');
  const timestampMs = numberQuery(query, 'timestamp', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const tailOffset = numberQuery(query, 'tail_offset', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const given = [offset, timestampMs, tailOffset].filter((value) => value !== undefined);
  if (given.length !== 1) throw badQuery('One of offset, timestamp or tail_offset must be given');
  if (offset !== undefined) return offset;
  const { log } = exchange.services;
  const place = { topic: wish.topic, partition: wish.partition };
  if (timestampMs !== undefined) {
    const found = await log.listOffsets({ ...place, at: { timestampMs } }, exchange.call);
    if (found.offset !== -1) return found.offset;
  }
  const latest = await log.listOffsets({ ...place, at: 'latest' }, exchange.call);
  if (tailOffset === undefined || tailOffset === 0) return latest.offset;
  const earliest = await log.listOffsets({ ...place, at: 'earliest' }, exchange.call);
  return Math.max(earliest.offset, latest.offset - tailOffset);
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/**
 * Reads, and waits for records if there are none. A client that stops listening ends the wait; it may only have closed
 * its sending half, so it is answered all the same, with nothing. Undefined: the wait was ended.
 */
async function read(exchange: Exchange, wish: Wish, offset: number): Promise<FetchResult | undefined> {
  const { signal } = exchange.request;
  const gone = isAborted(signal);
  const call = signal === undefined || gone ? exchange.call : { ...exchange.call, signal };
  const { topic, partition, maxBytes } = wish;
  try {
    return await exchange.services.log.fetch(
      { topic, partition, offset, maxBytes, waitMs: gone ? 0 : wish.waitMs },
      call,
    );
  } catch (error) {
    if (!gone && isAborted(signal)) return undefined;
    throw error;
  }
}

async function fetchRecords(exchange: Exchange): Promise<HttpResponse> {
  const format = consumedFormat(exchange.request.headers.accept);
  const query = new URLSearchParams(exchange.request.query);
  const wish = readWish(exchange, query);
  const offset = await startOffset(exchange, query, wish);
  const result = await read(exchange, wish, offset);
  if (format === 'batches') {
    return {
      status: 200,
      headers: { 'Content-Type': MEDIA.batches, ...positions(result, result?.nextOffset ?? offset) },
      body: Buffer.concat(result?.batches ?? []),
    };
  }
  const { body, nextOffset } = encodeRecords(exchange.services.codecs, {
    topic: wish.topic,
    partition: wish.partition,
    format,
    offset,
    batches: result?.batches ?? [],
    nextOffset: result?.nextOffset ?? offset,
    countMax: wish.count,
    bytesMax: wish.maxBytes,
  });
  return {
    status: 200,
    headers: { 'Content-Type': embeddedMedia(format), ...positions(result, nextOffset) },
    body,
  };
}

function positions(result: FetchResult | undefined, nextOffset: number): Record<string, string> {
  return {
    'X-Next-Offset': String(nextOffset),
    ...(result && {
      'X-High-Watermark': String(result.highWatermark),
      'X-Log-Start-Offset': String(result.logStartOffset),
    }),
  };
}

export const v2FetchRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/topics/{topic}/partitions/{partition}/records',
    group: 'fetch',
    api: 'v2',
    metered: true,
    restCodes: { UNKNOWN_TOPIC_OR_PARTITION: 40402 },
    doc: {
      operationId: 'fetchRecords',
      summary: 'Reads records of one partition without any state; waits for some if there are none.',
      query: {
        offset: {
          type: 'integer',
          description: 'The first offset to read. One of offset, timestamp, tail_offset.',
        },
        timestamp: {
          type: 'integer',
          description: 'Read from the first record at or after this time, ms since 1970.',
        },
        tail_offset: { type: 'integer', description: 'Read this many records back from the end.' },
        timeout: {
          type: 'integer',
          description: 'How long to wait for records, ms, at most 25000. Default 1000.',
        },
        max_bytes: {
          type: 'integer',
          description: 'About how large the answer may be. One record is always answered if there is one.',
        },
        count: { type: 'integer', description: 'The most records to answer.' },
      },
      responses: {
        200: {
          description: 'Records in offset order. X-Next-Offset says where to read next.',
          content: {
            [embeddedMedia('binary')]: ConsumedRecords,
            [embeddedMedia('json')]: ConsumedRecords,
            [embeddedMedia('text')]: ConsumedRecords,
            [MEDIA.batches]: 'bytes',
          },
        },
      },
    },
    handle: fetchRecords,
  },
];
