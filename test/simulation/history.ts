import { createGroupHistory, type GroupHistory } from './group-history.ts';
import type { TextRecord } from './records.ts';

/** What clients of the log saw. Together with storage's own history this is all that the checkers judge. */
export interface History {
  readonly produces: ProduceAttempt[];
  readonly fetches: FetchRecord[];
  readonly listings: ListingRecord[];
  readonly deletions: DeletionRecord[];
  readonly recordDeletions: RecordDeletion[];
  readonly disasters: Disaster[];
  /** Every id that a producer was given. */
  readonly producerIds: ProducerIdRecord[];
  readonly groups: GroupHistory;
  /** Errors that no caller should ever see. */
  readonly surprises: Surprise[];
}

export function createHistory(): History {
  return {
    produces: [],
    fetches: [],
    listings: [],
    deletions: [],
    recordDeletions: [],
    disasters: [],
    producerIds: [],
    groups: createGroupHistory(),
    surprises: [],
  };
}

/** When a request was sent and when its answer was heard, in true time. */
interface Span {
  readonly process: string;
  readonly topic: string;
  readonly partition: number;
  readonly startedMs: number;
  /** Infinity if it never was. */
  endedMs: number;
}

/** One wish of a client: these records, in this order, once. Every value in a run is unique. */
export interface Intent {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
  /** A text that begins with `TOMBSTONE` is one. */
  readonly values: readonly string[];
  /** One for each value. */
  readonly keys: readonly (string | null)[];
  readonly timestampMs: number;
  readonly idempotencyKey: string | undefined;
  /** Of an idempotent producer: all records are one batch. */
  readonly producer?: ProducerMark;
  /** Stored together with something of the client's own. */
  readonly outbox?: OutboxPart;
  /** To be stored exactly there or not at all. */
  readonly expectedOffset?: number;
  readonly attempts: ProduceAttempt[];
}

export interface OutboxPart {
  /** Whether its conditions fail then. */
  readonly refuses: (atMs: number) => boolean;
  /** When it was stored. */
  readonly appliedMs: number[];
}

/** What an idempotent producer's batch is known by. */
export interface ProducerMark {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

export interface ProduceAttempt extends Span {
  readonly intent: Intent;
  outcome: ProduceOutcome;
}

export type ProduceOutcome =
  | { readonly kind: 'acknowledged'; readonly baseOffset: number; readonly duplicate: boolean }
  /** The error says that nothing was stored. */
  | { readonly kind: 'refused'; readonly code: string; readonly toldEndOffset?: number }
  /** Timed out, or the process crashed, or the client lost patience: anything may have happened. */
  | { readonly kind: 'open'; readonly why: string };

export interface FetchRecord extends Span {
  readonly offset: number;
  outcome:
    | {
        readonly kind: 'read';
        readonly records: readonly TextRecord[];
        /** Where each batch begins and ends. */
        readonly spans: readonly (readonly [number, number])[];
        readonly nextOffset: number;
        readonly highWatermark: number;
        readonly logStartOffset: number;
      }
    | { readonly kind: 'failed'; readonly code: string; readonly message: string }
    | { readonly kind: 'open'; readonly why: string };
}

export interface ListingRecord extends Span {
  readonly at: 'earliest' | 'latest' | 'max-timestamp' | { readonly timestampMs: number };
  outcome:
    | { readonly kind: 'listed'; readonly offset: number; readonly timestampMs: number }
    | { readonly kind: 'failed'; readonly code: string }
    | { readonly kind: 'open'; readonly why: string };
}

/** A deletion that was answered: after `endedMs` nothing may enter the topic with that id. */
export interface DeletionRecord {
  readonly topic: string;
  readonly process: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** A request to delete the records below `offset`; -1: all that are there. */
export interface RecordDeletion extends Span {
  readonly offset: number;
  /** Where the log then starts. */
  outcome:
    | { readonly kind: 'deleted'; readonly logStartOffset: number }
    | { readonly kind: 'failed'; readonly code: string }
    | { readonly kind: 'open'; readonly why: string };
}

export interface ProducerIdRecord {
  readonly process: string;
  readonly atMs: number;
  readonly producerId: number;
}

/** A chunk that storage lost. */
export interface Disaster {
  readonly pk: string;
  readonly offset: number;
  readonly atMs: number;
}

export interface Surprise {
  readonly process: string;
  readonly what: string;
  readonly atMs: number;
  readonly error: unknown;
}
