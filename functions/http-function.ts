import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { errorRow } from '../lib/errors.ts';
import type { HttpHandler } from '../lib/http/handler.ts';
import { asHttpError, type ErrorBody, errorResponse, INTERNAL } from '../lib/http/http-error.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../lib/http/message.ts';
import { LIMITS } from '../lib/limits.ts';
import type { Call } from '../lib/storage/call.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { Meter } from '../lib/storage/meter.ts';
import { requestOf, resultOf, withPlainBody } from './http-event.ts';
import type { Observer } from './observer.ts';
import { retryingOnce } from './retrying-once.ts';

export interface HttpFunctionParts {
  /** Called when the first request comes, and again after it has failed. */
  readonly open: (call: Call) => Promise<HttpHandler>;
  readonly clock: Clock;
  readonly observer: Observer;
}

export type HttpFunction = (
  event: APIGatewayProxyEventV2,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

/** What the engine leaves of a function's time for its own answer. */
const ANSWER_MS = 1_000;
/** When the engine did not answer in time, the function does, this long before Lambda would end it. */
const EARLY_MS = 400;
/** Lambda answers 6 MB at most (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), as JSON. */
const RESULT_BYTES_MAX = 6 * 1024 * 1024 - 16 * 1024;

/**
 * One HTTP function. The outer stack is middy's: early time-out, log, metrics, and an answer to whatever throws.
 * Inside is the same handler that the local node serves, which has its own router.
 */
export function httpFunction({ open, clock, observer }: HttpFunctionParts): HttpFunction {
  const handle = retryingOnce(open);
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>({
    timeoutEarlyInMillis: EARLY_MS,
    timeoutEarlyResponse: () => resultOf(timedOut()),
  })
    .use(observer.middleware())
    .onError((request) => {
      const expected = asHttpError(request.error);
      request.response = resultOf(
        expected === undefined
          ? jsonResponse(500, MEDIA.json, INTERNAL)
          : errorResponse(expected, MEDIA.json),
      );
    })
    .handler(async (event, context, { signal }): Promise<APIGatewayProxyStructuredResultV2> => {
      const answerMs = context.getRemainingTimeInMillis() - ANSWER_MS;
      const call: Call = {
        meter: new Meter(),
        deadlineMs: clock.monotonicMs() + Math.max(0, Math.min(LIMITS.requestMsDefault, answerMs)),
        signal,
      };
      const serve = await handle(call);
      const request = await withPlainBody(requestOf(event, signal));
      return withinLimits(resultOf(await serve(request, { call })));
    });
}

/** Nobody knows what became of the request: the client retries it, a produce with its idempotency key. */
export function timedOut(): HttpResponse {
  const { httpStatus, restCode } = errorRow('REQUEST_TIMED_OUT');
  const body: ErrorBody = {
    error_code: restCode,
    message: 'The request took longer than its function may run. It may have been carried out.',
    kafka_error: 'REQUEST_TIMED_OUT',
  };
  return jsonResponse(httpStatus, MEDIA.json, body, { 'Retry-After': '1' });
}

/** Lambda would turn a larger answer into an unexplained 5xx. */
function withinLimits(result: APIGatewayProxyStructuredResultV2): APIGatewayProxyStructuredResultV2 {
  const { body = '', isBase64Encoded = false } = result;
  // Three bytes a character is the most that UTF-8 takes; only what may be too large is measured.
  if (body.length * 3 < RESULT_BYTES_MAX) return result;
  const bytes = isBase64Encoded ? body.length : Buffer.byteLength(JSON.stringify(body));
  if (bytes <= RESULT_BYTES_MAX) return result;
  const answer: ErrorBody = {
    error_code: 413,
    message: 'The answer is larger than the 6 MB that a function may send. Ask for less with max_bytes.',
    kafka_error: 'RECORD_LIST_TOO_LARGE',
  };
  return resultOf(jsonResponse(413, MEDIA.json, answer));
}
