import { type ErrorCode, MillraceError, UnexpectedTailError } from '../errors.ts';
import { type HttpResponse, jsonResponse } from './message.ts';

/** An answer that is not a success, with the REST Proxy's numbers and Kafka's name for it. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly restCode: number;
  readonly kafkaError: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  /** Where the partition ends, if the request expected it to end elsewhere. */
  readonly nextOffset: number | undefined;

  constructor(
    answer: {
      readonly status: number;
      readonly restCode?: number;
      readonly kafkaError?: ErrorCode;
      readonly nextOffset?: number;
    },
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = answer.status;
    this.restCode = answer.restCode ?? answer.status;
    this.kafkaError = answer.kafkaError ?? 'INVALID_REQUEST';
    this.headers = headers;
    this.nextOffset = answer.nextOffset;
  }
}

/** What clients of this API read: `error_code` is the REST Proxy's number, `kafka_error` the name in Kafka's protocol. */
export interface ErrorBody {
  readonly error_code: number;
  readonly message: string;
  readonly kafka_error: ErrorCode;
  readonly next_offset?: number;
}

/** REST codes that differ by route, such as 40401 where another route answers 40403. */
export type RestCodes = Readonly<Partial<Record<ErrorCode, number>>>;

/** Undefined for anything that is not an expected answer: a fault, to be logged. */
export function asHttpError(error: unknown, restCodes: RestCodes = {}): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (!(error instanceof MillraceError)) return undefined;
  const { httpStatus, restCode, retriable } = error.row;
  const answer = {
    status: httpStatus,
    restCode: restCodes[error.code] ?? restCode,
    kafkaError: error.code,
  };
  if (error instanceof UnexpectedTailError) {
    const nextOffset = error.endOffset;
    return new HttpError({ ...answer, nextOffset }, error.message, { 'X-Next-Offset': String(nextOffset) });
  }
  return new HttpError(answer, error.message, retriable && httpStatus >= 429 ? { 'Retry-After': '1' } : {});
}

export function errorBody(error: HttpError): ErrorBody {
  const { restCode, message, kafkaError, nextOffset } = error;
  const body = { error_code: restCode, message, kafka_error: kafkaError };
  return nextOffset === undefined ? body : { ...body, next_offset: nextOffset };
}

export function errorResponse(error: HttpError, media: string): HttpResponse {
  return jsonResponse(error.status, media, errorBody(error), error.headers);
}

/** The one answer to faults: nothing of the inside shows. */
export const INTERNAL: ErrorBody = {
  error_code: 50002,
  message: 'Millrace met an unexpected fault; it has been logged',
  kafka_error: 'UNKNOWN_SERVER_ERROR',
};

export const badRequest = (message: string): HttpError => new HttpError({ status: 400 }, message);
export const unprocessable = (message: string, kafkaError: ErrorCode = 'INVALID_REQUEST'): HttpError =>
  new HttpError({ status: 422, kafkaError }, message);
export const notFound = (
  restCode: number,
  message: string,
  kafkaError: ErrorCode = 'UNKNOWN_TOPIC_OR_PARTITION',
): HttpError => new HttpError({ status: 404, restCode, kafkaError }, message);
