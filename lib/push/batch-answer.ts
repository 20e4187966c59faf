import type { PartitionPlace } from '../log.ts';
import type { PushOutcome } from './push-plan.ts';

/**
 * What a function's answer says about the records it was given, whose offsets stand in `offsets`. As with Lambda's own
 * event sources for streams (https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html):
 * `{"batchItemFailures": [{"itemIdentifier": …}]}` names records that could not be taken, of which the first counts;
 * nothing, or an empty list, is a success; an identifier that names none of the records is a failure of the whole.
 *
 * An identifier is the offset, as text or as a number, or an object with `offset` (and `partition`, as the partition's
 * number or `topic-partition`, which then has to be the right one).
 */
export function outcomeOf(answer: unknown, place: PartitionPlace, offsets: readonly number[]): PushOutcome {
  const items = itemsOf(answer);
  if (items === undefined) return failure('batchItemFailures is not a list');
  let first: number | undefined;
  for (const item of items) {
    const offset = offsetOf(item, place);
    const index = offset === undefined ? -1 : offsets.indexOf(offset);
    if (index === -1) return failure(`no record of the batch is ${JSON.stringify(item)?.slice(0, 200)}`);
    first = Math.min(first ?? index, index);
  }
  if (first === undefined) return { kind: 'delivered' };
  const message = `the function could not take the record at offset ${offsets[first]}`;
  return { kind: 'stoppedAt', index: first, error: { type: 'BatchItemFailure', message } };
}

/** Undefined: not a list. Functions that answer something else altogether have taken everything. */
function itemsOf(answer: unknown): readonly unknown[] | undefined {
  if (typeof answer !== 'object' || answer === null) return [];
  const { batchItemFailures: items = null } = answer as { readonly batchItemFailures?: unknown };
  if (items === null) return [];
  return Array.isArray(items) ? items : undefined;
}

function offsetOf(item: unknown, place: PartitionPlace): number | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { itemIdentifier } = item as { readonly itemIdentifier?: unknown };
  if (typeof itemIdentifier !== 'object' || itemIdentifier === null) return wholeOf(itemIdentifier);
  const { offset, partition } = itemIdentifier as { readonly offset?: unknown; readonly partition?: unknown };
  const isHere =
    partition === undefined ||
    partition === `${place.topic}-${place.partition}` ||
    wholeOf(partition) === place.partition;
  return isHere ? wholeOf(offset) : undefined;
}

function wholeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : undefined;
}

function failure(message: string): PushOutcome {
  return { kind: 'failed', error: { type: 'InvalidBatchResponse', message } };
}
