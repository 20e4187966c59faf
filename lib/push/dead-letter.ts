import type { PartitionPlace } from '../log.ts';
import { type EventRecord, eventRecord, type PushRecord } from './kafka-event.ts';
import type { GivenUp, PushError } from './push-plan.ts';

/** What somebody has to know of records that were given up. JSON; one message for neighbours that were given up together. */
export interface DeadLetter {
  readonly format: 1;
  readonly group: string;
  readonly functionArn: string;
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** Undefined where the records cannot be read. */
  readonly recordCount?: number;
  readonly reason: GivenUp | 'unreadable';
  /** How often they were sent in vain, together. */
  readonly failures: number;
  readonly error?: PushError;
  /** When they were given up, milliseconds since 1970. */
  readonly timeMs: number;
  /** As they were sent; left out where they do not fit, or cannot be read: they stand in the log all the same. */
  readonly records?: readonly EventRecord[];
}

export interface GivenUpRecords extends PartitionPlace {
  readonly records: readonly PushRecord[];
  readonly reason: GivenUp;
  readonly failures: number;
  readonly error?: PushError;
}

export interface Unreadable extends PartitionPlace {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly error: PushError;
}

interface Origin {
  readonly group: string;
  readonly functionArn: string;
  readonly nowMs: number;
}

/** SQS takes 256 KiB (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html). */
const LETTER_BYTES_MAX = 256 * 1_024;
const ERROR_CHARS_MAX = 2_000;

export function deadLetter(origin: Origin, given: GivenUpRecords): string {
  const { topic, partition, records, reason, failures, error } = given;
  const letter: DeadLetter = {
    ...headOf(origin, given),
    firstOffset: records[0]?.offset ?? -1,
    lastOffset: records.at(-1)?.offset ?? -1,
    recordCount: records.length,
    reason,
    failures,
    ...(error === undefined ? {} : { error: shortened(error) }),
  };
  const bytes = records.reduce((total, { callBytes }) => total + callBytes, 0);
  const bare = JSON.stringify(letter);
  if (bytes + bare.length * 3 > LETTER_BYTES_MAX) return bare;
  const place = { topic, partition };
  return JSON.stringify({ ...letter, records: records.map((record) => eventRecord(place, record)) });
}

/** Of a record batch whose records nobody can read. */
export function unreadableLetter(origin: Origin, unreadable: Unreadable): string {
  const letter: DeadLetter = {
    ...headOf(origin, unreadable),
    firstOffset: unreadable.firstOffset,
    lastOffset: unreadable.lastOffset,
    reason: 'unreadable',
    failures: 0,
    error: shortened(unreadable.error),
  };
  return JSON.stringify(letter);
}

function headOf(
  { group, functionArn, nowMs }: Origin,
  { topic, partition }: PartitionPlace,
): Pick<DeadLetter, 'format' | 'group' | 'functionArn' | 'topic' | 'partition' | 'timeMs'> {
  return { format: 1, group, functionArn, topic, partition, timeMs: nowMs };
}

function shortened({ type, message }: PushError): PushError {
  return { type: type.slice(0, 200), message: message.slice(0, ERROR_CHARS_MAX) };
}
