import type { OffsetToCommit } from '../groups.ts';
import type { PartitionPlace } from '../log.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';
import type { KafkaEvent } from './kafka-event.ts';
import type { ProgressNote } from './progress-note.ts';
import type { PushError } from './push-plan.ts';
import type { PushSettings } from './push-settings.ts';
import type { PushSource } from './push-source.ts';
import type { Slots } from './slots.ts';

/** What became of one call of the function. */
export type InvokeAnswer =
  | { readonly kind: 'answered'; readonly answer: unknown }
  /** The function threw, timed out, died, or refused the call for its size. */
  | { readonly kind: 'failed'; readonly error: PushError }
  /** It was not called, or nobody knows: that is not the records' fault. */
  | { readonly kind: 'unmade'; readonly cause: unknown };

export interface PushCounts {
  calls: number;
  failures: number;
  /** Delivered, as far as the function said so. */
  records: number;
  deadLetters: number;
  /** Partitions whose next records were gone before they were sent. */
  moved: number;
  faults: number;
}

/** Where a runner has come to in a partition. */
export type PushPosition = Required<Pick<OffsetToCommit, 'offset' | 'metadata'>> &
  Pick<OffsetToCommit, 'vector'>;

export interface PartitionPushParts {
  readonly settings: PushSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly invoke: (event: KafkaEvent) => Promise<InvokeAnswer>;
  /** Stores one dead letter; throws if that is not certain. */
  readonly bury: (letter: string) => Promise<void>;
  /** False: the partition is another's, or nobody's, by now. Throws what may be tried again. */
  readonly commit: (position: PushPosition) => Promise<boolean>;
  /** Shared by all partitions of a runner. */
  readonly slots: Slots;
  readonly counts: PushCounts;
  readonly newCall: () => Call;
  /** Tells the operator. */
  readonly onFault: (cause: unknown, doing: string) => void;
}

export interface PartitionPush {
  readonly place: PartitionPlace;
  readonly source: PushSource;
  /** What the runner before has noted. */
  readonly note: ProgressNote | undefined;
  /** Aborted: nothing more is begun; a call that is under way is waited for, and its outcome stored. */
  readonly stop: AbortSignal;
  /** Whether everything there was has been delivered. */
  readonly onQuiet: (quiet: boolean) => void;
}
