import type { AttributeValue as Wire } from '@aws-sdk/client-dynamodb';
import type { QueryRange, SortKey } from '../../storage/table.ts';
import { keyToWire, type SortKeyType } from './item.ts';

/** The part of a Query's input that says which keys. */
export interface KeyRange {
  readonly KeyConditionExpression: string;
  readonly ExpressionAttributeValues: Record<string, Wire>;
  readonly ExclusiveStartKey?: Record<string, Wire>;
}

/**
 * A key condition takes one inclusive range, so "behind `after`" goes into the start key. DynamoDB refuses a start key
 * outside the condition and a range whose ends are the wrong way round; undefined says that nothing can be in it.
 */
export function keyRange<S extends SortKey>(
  pk: string,
  range: QueryRange<S>,
  type: SortKeyType<S>,
): KeyRange | undefined {
  const { from, to, after, reverse = false } = range;
  const below = (a: S | undefined, b: S | undefined): boolean =>
    a !== undefined && b !== undefined && type.compare(a, b) < 0;
  const same = (a: S | undefined, b: S | undefined): boolean =>
    a !== undefined && b !== undefined && type.compare(a, b) === 0;

  const pastTheEnd = reverse ? below(after, from) || same(after, from) : below(to, after) || same(to, after);
  if (below(to, from) || pastTheEnd) return undefined;
  const beforeTheStart = reverse ? below(to, after) : below(after, from);
  return {
    ...condition(pk, { from, to }, type),
    ...(after === undefined || beforeTheStart
      ? {}
      : { ExclusiveStartKey: keyToWire({ pk, sk: after }, type) }),
  };
}

function condition<S extends SortKey>(
  pk: string,
  { from, to }: { readonly from: S | undefined; readonly to: S | undefined },
  type: SortKeyType<S>,
): KeyRange {
  const values: Record<string, Wire> = { ':pk': { S: pk } };
  if (from !== undefined) values[':from'] = type.toWire(from);
  if (to !== undefined) values[':to'] = type.toWire(to);
  let expression = 'pk = :pk';
  if (from !== undefined && to !== undefined) expression += ' AND sk BETWEEN :from AND :to';
  else if (from !== undefined) expression += ' AND sk >= :from';
  else if (to !== undefined) expression += ' AND sk <= :to';
  return { KeyConditionExpression: expression, ExpressionAttributeValues: values };
}
