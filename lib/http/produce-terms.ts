import type { EncodeOptions } from '../record/encode-batch.ts';
import { badRequest, type HttpError, unprocessable } from './http-error.ts';
import { type Identity, identityOf } from './identity.ts';
import type { HttpRequest } from './message.ts';

type Producer = NonNullable<EncodeOptions['producer']>;

/** What a produce request asks for besides its records, in its headers. */
export interface ProduceTerms {
  readonly identity: Identity | undefined;
  /** As whom the records are written: a retry with the same numbers is stored once. */
  readonly producer: Producer | undefined;
  /** Only if the partition ends exactly here. */
  readonly expectedOffset: number | undefined;
}

export const TERMS_HEADERS = {
  'Idempotency-Key':
    'Makes a retry safe: the same key with the same body within a day is stored once and answers the first offsets.',
  'Millrace-Producer-Id':
    'From `POST /producer-ids`. With epoch and sequence it makes a retry safe and keeps the order of requests to one partition.',
  'Millrace-Producer-Epoch': 'The epoch of the producer id; a lower one than was seen is fenced.',
  'Millrace-Sequence': 'The number of the first record: every record counts, from 0 on, for each partition.',
  'Millrace-Expected-Offset': 'Append only if the partition ends exactly here, else 412 with its end.',
} as const;

const PRODUCER_EPOCH_MAX = 32_767;
const SEQUENCE_MAX = 2 ** 31 - 1;

/** 400 for a header that cannot be; 422 for some that do not go together. */
export function termsOf(request: HttpRequest): ProduceTerms {
  const identity = identityOf(request);
  const producer = producerOf(request);
  if (identity !== undefined && producer !== undefined) {
    throw unprocessable(
      'Either an Idempotency-Key or a producer id makes the request safe to repeat, not both',
    );
  }
  const expectedOffset = numberHeader(request, 'Millrace-Expected-Offset', Number.MAX_SAFE_INTEGER);
  return { identity, producer, expectedOffset };
}

/** Such a request is about one partition, which it has to determine itself: a retry must not go elsewhere. */
export const boundToPartition = ({ producer, expectedOffset }: ProduceTerms): boolean =>
  producer !== undefined || expectedOffset !== undefined;

export const unplaced = (): HttpError =>
  unprocessable(
    'With a producer id or an expected offset every record needs a partition or a key, so that a retry goes to the same place',
  );

/** 422 unless all records of a request that is bound to a partition go to one. */
export function checkOnePartition(
  terms: ProduceTerms,
  records: readonly { readonly partition: number }[],
): void {
  if (!boundToPartition(terms)) return;
  const [first] = records;
  if (records.every(({ partition }) => partition === first?.partition)) return;
  throw unprocessable(
    'With a producer id or an expected offset all records of a request must go to one partition',
  );
}

function producerOf(request: HttpRequest): Producer | undefined {
  const producerId = numberHeader(request, 'Millrace-Producer-Id', Number.MAX_SAFE_INTEGER);
  const producerEpoch = numberHeader(request, 'Millrace-Producer-Epoch', PRODUCER_EPOCH_MAX);
  const baseSequence = numberHeader(request, 'Millrace-Sequence', SEQUENCE_MAX);
  if (producerId === undefined && producerEpoch === undefined && baseSequence === undefined) return undefined;
  if (producerId === undefined || producerEpoch === undefined || baseSequence === undefined) {
    throw unprocessable(
      'Millrace-Producer-Id, Millrace-Producer-Epoch and Millrace-Sequence belong together: send all three',
    );
  }
  return { producerId, producerEpoch, baseSequence };
}

function numberHeader(request: HttpRequest, name: string, max: number): number | undefined {
  const text = request.headers[name.toLowerCase()];
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw badRequest(`${name} must be a whole number from 0 to ${max}`);
}
