/**
 * One table of errors. Names and numbers are Kafka's (https://kafka.apache.org/protocol.html#protocol_error_codes);
 * `restCode` and `httpStatus` are what a Confluent REST Proxy client expects for the same condition.
 */
export interface ErrorRow {
  readonly kafkaCode: number;
  /** Kafka's meaning: the same request may succeed if it is sent again. */
  readonly retriable: boolean;
  readonly httpStatus: number;
  readonly restCode: number;
}

/** Kafka code, retriable, HTTP status, REST code. */
const ROWS = {
  UNKNOWN_SERVER_ERROR: [-1, false, 500, 50002],
  OFFSET_OUT_OF_RANGE: [1, false, 400, 40002],
  CORRUPT_MESSAGE: [2, true, 422, 42206],
  UNKNOWN_TOPIC_OR_PARTITION: [3, true, 404, 40403],
  INVALID_FETCH_SIZE: [4, false, 400, 40002],
  REQUEST_TIMED_OUT: [7, true, 503, 50003],
  MESSAGE_TOO_LARGE: [10, false, 413, 413],
  OFFSET_METADATA_TOO_LARGE: [12, false, 422, 42206],
  INVALID_TOPIC_EXCEPTION: [17, false, 422, 42206],
  RECORD_LIST_TOO_LARGE: [18, false, 413, 413],
  INVALID_REQUIRED_ACKS: [21, false, 400, 40002],
  ILLEGAL_GENERATION: [22, false, 409, 40903],
  INVALID_GROUP_ID: [24, false, 422, 42206],
  UNKNOWN_MEMBER_ID: [25, false, 404, 40403],
  INVALID_SESSION_TIMEOUT: [26, false, 422, 40001],
  TOPIC_AUTHORIZATION_FAILED: [29, false, 403, 40301],
  GROUP_AUTHORIZATION_FAILED: [30, false, 403, 40301],
  CLUSTER_AUTHORIZATION_FAILED: [31, false, 403, 40301],
  INVALID_TIMESTAMP: [32, false, 422, 42206],
  UNSUPPORTED_VERSION: [35, false, 422, 422],
  TOPIC_ALREADY_EXISTS: [36, false, 400, 40002],
  INVALID_PARTITIONS: [37, false, 400, 40002],
  INVALID_REPLICATION_FACTOR: [38, false, 400, 40002],
  INVALID_CONFIG: [40, false, 400, 40002],
  INVALID_REQUEST: [42, false, 400, 40002],
  POLICY_VIOLATION: [44, false, 400, 40002],
  OUT_OF_ORDER_SEQUENCE_NUMBER: [45, false, 409, 40903],
  INVALID_PRODUCER_EPOCH: [47, false, 409, 40903],
  KAFKA_STORAGE_ERROR: [56, true, 500, 50003],
  NON_EMPTY_GROUP: [68, false, 409, 40903],
  GROUP_ID_NOT_FOUND: [69, false, 404, 40405],
  UNSUPPORTED_COMPRESSION_TYPE: [76, false, 422, 42206],
  GROUP_MAX_SIZE_REACHED: [81, false, 409, 40903],
  FENCED_INSTANCE_ID: [82, false, 409, 40903],
  GROUP_SUBSCRIBED_TO_TOPIC: [86, false, 409, 40903],
  INVALID_RECORD: [87, false, 422, 42206],
  THROTTLING_QUOTA_EXCEEDED: [89, true, 429, 42901],
  UNKNOWN_TOPIC_ID: [100, true, 404, 40403],
  FENCED_MEMBER_EPOCH: [110, false, 409, 40903],
  UNRELEASED_INSTANCE_ID: [111, false, 409, 40902],
  UNSUPPORTED_ASSIGNOR: [112, false, 422, 42204],
  STALE_MEMBER_EPOCH: [113, false, 409, 40903],
  INVALID_REGULAR_EXPRESSION: [128, false, 422, 42206],
  /** Ours: an append that named the offset it expects found the partition's end elsewhere. Kafka has no such request. */
  UNEXPECTED_TAIL: [-1, false, 412, 412],
  /** Ours: nothing is written to a region while it is frozen. Kafka's LEADER_NOT_AVAILABLE: clients try again. */
  REGION_FROZEN: [5, true, 503, 50003],
  /** Ours: no flow copies from that region. */
  UNKNOWN_FLOW: [-1, false, 404, 404],
} as const;

export type ErrorCode = keyof typeof ROWS;

export function errorRow(code: ErrorCode): ErrorRow {
  const [kafkaCode, retriable, httpStatus, restCode] = ROWS[code];
  return { kafkaCode, retriable, httpStatus, restCode };
}

/** What a caller did wrong, or may try again. Identity is `code`; the text is for people. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get row(): ErrorRow {
    return errorRow(this.code);
  }
}

/** UNEXPECTED_TAIL, with the partition's end as it was when the append was refused. */
export class UnexpectedTailError extends MillraceError {
  readonly endOffset: number;

  constructor(expectedOffset: number, endOffset: number) {
    super(
      'UNEXPECTED_TAIL',
      `The partition ends at offset ${endOffset}, not at ${expectedOffset}; nothing was stored`,
    );
    this.endOffset = endOffset;
  }
}

/** A broken promise inside Millrace itself: never an answer to bad input, always a bug or damaged storage. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new InvariantError(message);
}

/** Closes a switch over a union; reached only when a case was forgotten. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
