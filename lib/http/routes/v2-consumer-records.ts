import { LIMITS } from '../../limits.ts';
import type { ConsumerInstance } from '../consumers/instance.ts';
import { type ReadWish, readRecords } from '../consumers/read.ts';
import { inTurn } from '../consumers/session.ts';
import { HttpError } from '../http-error.ts';
import { checkAcceptsFormat, type EmbeddedFormat, embeddedMedia } from '../media-type.ts';
import type { HttpResponse } from '../message.ts';
import { numberQuery } from '../number-param.ts';
import type { Exchange, Route } from '../route.ts';
import { ConsumedRecords } from '../schemas/v2.ts';

/** What is left of the transport's time for writing the instance and sending the answer. */
const ANSWER_MARGIN_MS = 500;
const ANY_NUMBER = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };

const FORMATS: ReadonlySet<string> = new Set(['binary', 'json', 'text']);

function formatOf({ settings: { format } }: ConsumerInstance): EmbeddedFormat {
  if (FORMATS.has(format)) return format as EmbeddedFormat;
  throw new HttpError(
    { status: 501, restCode: 40801, kafkaError: 'UNSUPPORTED_VERSION' },
    `Records cannot be answered as ${format}, which needs a schema registry; create an instance for binary, json or text`,
  );
}

/** Negative numbers stand for the default, as clients of the REST Proxy send them. */
function wishOf(exchange: Exchange, instance: ConsumerInstance, query: URLSearchParams): ReadWish {
  const { services, call, request } = exchange;
  const format = formatOf(instance);
  checkAcceptsFormat(request.headers.accept, format);
  const timeout = numberQuery(query, 'timeout', ANY_NUMBER) ?? -1;
  const maxBytes = numberQuery(query, 'max_bytes', ANY_NUMBER) ?? 0;
  const wishedMs = timeout < 0 ? instance.settings.waitMs : timeout;
  const leftMs = call.deadlineMs - services.clock.monotonicMs() - ANSWER_MARGIN_MS;
  return {
    format,
    waitMs: Math.max(0, Math.min(wishedMs, LIMITS.fetchWaitMsMax, leftMs)),
    bytesMax: Math.min(maxBytes <= 0 ? LIMITS.fetchBytesDefault : maxBytes, services.answerBytesMax),
  };
}

async function getRecords(exchange: Exchange): Promise<HttpResponse> {
  // A read moves the positions, which HEAD must not.
  if (exchange.request.method !== 'GET') {
    throw new HttpError({ status: 405 }, 'HTTP 405 Method Not Allowed: HEAD', { Allow: 'GET' });
  }
  const query = new URLSearchParams(exchange.request.query);
  return inTurn(exchange, async (parts, instance) => {
    const wish = wishOf(exchange, instance, query);
    const worked = await readRecords(parts, exchange.services.codecs, instance, wish);
    if (worked.error !== undefined) return worked;
    const headers = { 'Content-Type': embeddedMedia(wish.format) };
    return { instance: worked.instance, answer: { status: 200, headers, body: worked.answer } };
  });
}

export const v2ConsumerRecordRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/consumers/{group}/instances/{instance}/records',
    group: 'groups',
    api: 'v2',
    metered: true,
    doc: {
      operationId: 'readRecords',
      summary: 'Reads on in the partitions of the instance, and waits for records if there are none.',
      query: {
        timeout: {
          type: 'integer',
          description:
            'How long to wait for records, ms, at most 25000. Default: as the instance was created.',
        },
        max_bytes: {
          type: 'integer',
          description: 'About how large the answer may be. One record is always answered if there is one.',
        },
      },
      responses: {
        200: {
          description: 'Records; those of a partition in offset order.',
          content: {
            [embeddedMedia('binary')]: ConsumedRecords,
            [embeddedMedia('json')]: ConsumedRecords,
            [embeddedMedia('text')]: ConsumedRecords,
          },
        },
      },
    },
    handle: getRecords,
  },
];
