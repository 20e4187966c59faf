import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { MillraceError } from '../../errors.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html; one of 100 is ours. */
const CALLERS_ITEMS_MAX = 99;
const ACTIONS = ['Put', 'Update', 'Delete', 'ConditionCheck'] as const;

/**
 * A copy of the caller's items, so that every attempt sends the same. Throws INVALID_REQUEST for what can be seen to be
 * wrong without asking DynamoDB, and for items that reach into the log's own tables.
 */
export function ownItems(
  items: readonly TransactWriteItem[],
  logTables: readonly string[],
): readonly TransactWriteItem[] {
  if (!Array.isArray(items) || items.length === 0 || items.length > CALLERS_ITEMS_MAX) {
    throw invalid(`A transaction takes 1 to ${CALLERS_ITEMS_MAX} items besides the log's own`);
  }
  for (const [index, item] of items.entries()) checkAction(item, index, logTables);
  try {
    return structuredClone(items);
  } catch (cause) {
    throw new MillraceError('INVALID_REQUEST', 'The items hold something that is no data', { cause });
  }
}

function checkAction(item: TransactWriteItem, index: number, logTables: readonly string[]): void {
  const actions = ACTIONS.filter((action) => item?.[action] !== undefined);
  const [action] = actions;
  const tableName = action && item[action]?.TableName;
  if (actions.length !== 1 || typeof tableName !== 'string' || tableName === '') {
    throw invalid(`Item ${index} is not one Put, Update, Delete or ConditionCheck with a TableName`);
  }
  // A table may also be named by its ARN.
  const name = tableName.slice(tableName.lastIndexOf('/') + 1);
  if (logTables.includes(name)) {
    throw invalid(`Item ${index} reaches into the log's own table ${name}`);
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', message);
}
