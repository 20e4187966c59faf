import { MillraceError } from '../../errors.ts';
import { COMPRESSION_NAMES, type CompressionName } from '../../record/compression/names.ts';
import type { StoreWithin } from '../../storage/within.ts';
import type { CallOptions, ClientParts } from '../client-parts.ts';
import { createOutbox, type Outbox } from '../outbox.ts';
import { withDefaults } from '../with-defaults.ts';
import { type Admission, createAdmission } from './admission.ts';
import { type ProducerRecord, topicProblem } from './producer-record.ts';
import { SendError, type SendOutcome } from './send-error.ts';
import { createSendWithin } from './send-within.ts';

export interface ProducerOptions {
  /**
   * Batches carry a producer id and sequences, so that a retry is stored once. Without it a send whose outcome is open
   * fails with REQUEST_TIMED_OUT instead of being tried again. @default true
   */
  readonly idempotent?: boolean;
  /** Unless the topic's `compression.type` names one. @default 'none' */
  readonly compression?: CompressionName;
  /** How long a batch waits for more records, in milliseconds. What is sent in one turn of the event loop goes together anyway. @default 0 */
  readonly lingerMs?: number;
  /** What a batch may take before compression; a larger record goes alone. @default 1,048,576 */
  readonly batchBytesMax?: number;
  /** Batches under way to one partition, 1 to 5. @default 5 */
  readonly inFlightMax?: number;
  /** Records that wait to be stored; more of them wait at `send`. @default 67,108,864 bytes */
  readonly bufferBytesMax?: number;
  /** How long one attempt may take, in milliseconds. @default 25,000 */
  readonly requestTimeoutMs?: number;
  /** How long a record is tried for, waiting included, in milliseconds: Kafka's `delivery.timeout.ms`. @default 120,000 */
  readonly deliveryTimeoutMs?: number;
  /** Chooses the partition of a record that names none. @default Kafka's, see `ProducerRecord.partition` */
  readonly partitioner?: (record: ProducerRecord, partitionCount: number) => number;
}

export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970: the record's own, or the log's where the topic stamps append time. */
  readonly timestampMs: number;
  /** True if an earlier attempt had stored it. */
  readonly duplicate: boolean;
}

/**
 * Sends records. One for the whole process is best: what is sent at the same time then shares requests.
 *
 * Errors of `send`, all `MillraceError`: UNKNOWN_TOPIC_OR_PARTITION, INVALID_RECORD, INVALID_TIMESTAMP,
 * MESSAGE_TOO_LARGE, KAFKA_STORAGE_ERROR (nothing was stored; trying again does not help), THROTTLING_QUOTA_EXCEEDED
 * (nothing was stored in all of `deliveryTimeoutMs`), REQUEST_TIMED_OUT (it may have been stored).
 */
export interface Producer {
  /** Resolves once the record is durable and visible to every reader. Records of one partition are stored in the order of the calls. */
  send(record: ProducerRecord, options?: SendOptions): Promise<RecordMetadata>;
  /**
   * Sends several; answers in their order. Those of one partition go together where they fit. If any fails it rejects
   * with `SendError`, whose `outcomes` tell of each record, once all are settled.
   */
  sendBatch(records: readonly ProducerRecord[], options?: SendOptions): Promise<readonly RecordMetadata[]>;
  /**
   * Stores records of one partition together, as a part of something larger, or not at all: the ground the outbox stands
   * on. No producer id. Answers in the order of the records. INVALID_REQUEST if their keys lead to several partitions;
   * what made the other part refuse is thrown as it is.
   */
  sendWithin(
    records: readonly ProducerRecord[],
    store: StoreWithin<number>,
    options?: SendWithinOptions,
  ): Promise<readonly RecordMetadata[]>;
  /** Records as items of the caller's own transactions. INVALID_REQUEST if the log is not kept in DynamoDB. */
  outbox(): Outbox;
  /** Sends at once what still waits, and resolves when everything sent so far is settled. Never rejects. */
  flush(): Promise<void>;
  /** `flush`, then takes no more. */
  close(): Promise<void>;
}

export interface SendWithinOptions extends CallOptions {
  /** 1 to 255 visible ASCII characters: the same records with the same key are stored once, for a day. */
  readonly idempotencyKey?: string;
}

export interface SendOptions {
  /** Ends the waiting: the promise rejects with the signal's reason. A record that had left by then may be stored. */
  readonly signal?: AbortSignal;
}

const DEFAULTS = {
  idempotent: true,
  compression: 'none',
  lingerMs: 0,
  batchBytesMax: 1_048_576,
  inFlightMax: 5,
  bufferBytesMax: 67_108_864,
  requestTimeoutMs: 25_000,
  deliveryTimeoutMs: 120_000,
} as const;

export type ProducerSettings = Required<Omit<ProducerOptions, 'partitioner'>> &
  Pick<ProducerOptions, 'partitioner'>;

/** INVALID_CONFIG for options that make no sense. */
export function createProducer(parts: ClientParts, options: ProducerOptions = {}): Producer {
  const settings = checked(withDefaults(DEFAULTS, options));
  const admission = createAdmission(parts, settings);
  const underWay = new Set<Promise<unknown>>();
  let isClosed = false;

  const sendOne = (record: ProducerRecord, { signal }: SendOptions): Promise<RecordMetadata> => {
    if (isClosed) return Promise.reject(closedError());
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const wrong = topicProblem(record);
    if (wrong !== undefined) return Promise.reject(wrong);
    const sent = admitted(admission, record, signal);
    const settled: Promise<unknown> = sent.then(ignore, ignore).then(() => underWay.delete(settled));
    underWay.add(settled);
    return sent;
  };

  const flush = async (): Promise<void> => {
    const sentSoFar = [...underWay];
    await admission.flush();
    await Promise.all(sentSoFar);
  };

  const producer: Producer = {
    send: (record, sendOptions = {}) => sendOne(record, sendOptions),
    sendBatch: async (records, sendOptions = {}) => {
      const sent = records.map((record) => sendOne(record, sendOptions));
      return allOf(await Promise.allSettled(sent));
    },
    sendWithin: createSendWithin(parts, settings),
    outbox: () => createOutbox(parts, producer),
    flush,
    close: async () => {
      isClosed = true;
      await flush();
    },
  };
  return producer;
}

const ignore = (): void => undefined;

function admitted(
  admission: Admission,
  record: ProducerRecord,
  signal: AbortSignal | undefined,
): Promise<RecordMetadata> {
  return new Promise((resolve, reject) => {
    const abort = (): void => settle(() => reject(signal?.reason));
    let isSettled = false;
    const settle = (how: () => void): void => {
      isSettled = true;
      signal?.removeEventListener('abort', abort);
      how();
    };
    signal?.addEventListener('abort', abort, { once: true });
    admission.admit({
      record,
      isAbandoned: () => isSettled,
      stored: (metadata) => settle(() => resolve(metadata)),
      failed: (error) => settle(() => reject(error)),
    });
  });
}

function allOf(settled: readonly PromiseSettledResult<RecordMetadata>[]): readonly RecordMetadata[] {
  const outcomes = settled.map(
    (one): SendOutcome =>
      one.status === 'fulfilled' ? { metadata: one.value } : { error: one.reason as unknown },
  );
  const stored = outcomes.flatMap((outcome) => ('metadata' in outcome ? [outcome.metadata] : []));
  if (stored.length === outcomes.length) return stored;
  throw new SendError(outcomes);
}

const closedError = (): MillraceError =>
  new MillraceError('INVALID_REQUEST', 'The producer is closed; make another one');

function checked(settings: ProducerSettings): ProducerSettings {
  const { compression, inFlightMax, lingerMs, deliveryTimeoutMs, requestTimeoutMs } = settings;
  const bad = (problem: string): MillraceError => new MillraceError('INVALID_CONFIG', problem);
  if (!Number.isInteger(inFlightMax) || inFlightMax < 1 || inFlightMax > 5) {
    throw bad(`inFlightMax is 1 to 5, not ${inFlightMax}: storage remembers a producer's last five batches`);
  }
  if (!(lingerMs >= 0) || !(requestTimeoutMs > 0) || !(deliveryTimeoutMs >= lingerMs + requestTimeoutMs)) {
    throw bad('deliveryTimeoutMs must be at least lingerMs + requestTimeoutMs, all in milliseconds');
  }
  if (!COMPRESSION_NAMES.includes(compression)) {
    throw bad(`compression is one of ${COMPRESSION_NAMES.join(', ')}, not '${compression}'`);
  }
  if (!(settings.batchBytesMax > 0) || !(settings.bufferBytesMax > 0)) {
    throw bad('batchBytesMax and bufferBytesMax are numbers of bytes above 0');
  }
  return settings;
}
