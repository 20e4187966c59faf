import { MillraceError } from '../../errors.ts';
import type { RecordMetadata } from './producer.ts';

/** What became of one record. */
export type SendOutcome = { readonly metadata: RecordMetadata } | { readonly error: unknown };

/** Some records of a batch were not stored. `code` and `cause` are those of the first. */
export class SendError extends MillraceError {
  /** In the order the records were given. */
  readonly outcomes: readonly SendOutcome[];

  constructor(outcomes: readonly SendOutcome[]) {
    const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
    const [first] = errors;
    const reason = first instanceof Error ? first.message : String(first);
    super(
      first instanceof MillraceError ? first.code : 'UNKNOWN_SERVER_ERROR',
      `${errors.length} of ${outcomes.length} records failed; the first: ${reason}`,
      { cause: first },
    );
    this.outcomes = outcomes;
  }
}
