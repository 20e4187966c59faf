import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NUMBER_KEY } from '../../../../lib/adapters/dynamodb/item.ts';
import { keyRange } from '../../../../lib/adapters/dynamodb/key-range.ts';
import type { QueryRange } from '../../../../lib/storage/table.ts';

const KEYS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
type Range = Pick<QueryRange<number>, 'from' | 'to' | 'after' | 'reverse'>;

const bound = fc.option(fc.integer({ min: -1, max: 10 }), { nil: undefined });
const ranges: fc.Arbitrary<Range> = fc
  .record({ from: bound, to: bound, after: bound, reverse: fc.boolean() })
  .map(
    (range) => Object.fromEntries(Object.entries(range).filter(([, value]) => value !== undefined)) as Range,
  );

/** What the port promises. */
function wanted({ from = -9, to = 99, after, reverse }: Range): number[] {
  const keys = KEYS.filter((key) => key >= from && key <= to).filter(
    (key) => after === undefined || (reverse ? key < after : key > after),
  );
  return reverse ? keys.reverse() : keys;
}

/** What DynamoDB does with a request, its refusals included. */
function answered(range: Range): number[] {
  const asked = keyRange('pk', { ...range, limit: 1, consistent: true }, NUMBER_KEY);
  if (asked === undefined) return [];
  const value = (name: string): number | undefined => {
    const wire = asked.ExpressionAttributeValues[name];
    return wire?.N === undefined ? undefined : Number(wire.N);
  };
  const low = value(':from') ?? Number.NEGATIVE_INFINITY;
  const high = value(':to') ?? Number.POSITIVE_INFINITY;
  if (low > high) throw new Error('ValidationException: the BETWEEN operator requires an ordered range');
  const start = asked.ExclusiveStartKey?.sk?.N;
  if (start !== undefined && (Number(start) < low || Number(start) > high)) {
    throw new Error('ValidationException: the start key is outside the query boundaries');
  }
  const keys = KEYS.filter((key) => key >= low && key <= high);
  if (range.reverse) keys.reverse();
  return keys.filter(
    (key) => start === undefined || (range.reverse ? key < Number(start) : key > Number(start)),
  );
}

describe('a key range', () => {
  it('asks DynamoDB for what the port promises, and never for what DynamoDB refuses', () => {
    fc.assert(
      fc.property(ranges, (range) => {
        expect(answered(range)).toEqual(wanted(range));
      }),
      { numRuns: 2_000 },
    );
  });
});
