import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { MillraceError } from '../../errors.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html; one of 100 is ours. */
const CALLERS_ITEMS_MAX = 99;
const ACTIONS = ['Put', 'Update', 'Delete', 'ConditionCheck'] as const;
const VALUE_MAPS = ['Item', 'Key', 'ExpressionAttributeValues'] as const;
const TYPES = new Set(['S', 'N', 'B', 'SS', 'NS', 'BS', 'M', 'L', 'NULL', 'BOOL']);

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
  for (const [index, item] of items.entries()) {
    const action = actionOf(item, index);
    checkTable(action, index, logTables);
    for (const map of VALUE_MAPS) checkValues(action[map], `Item ${index}: ${map}`);
  }
  try {
    return structuredClone(items);
  } catch (cause) {
    throw new MillraceError('INVALID_REQUEST', 'The items hold something that is no data', { cause });
  }
}

/** What the four kinds of action have in common, as far as it is looked at here. */
type Action = { readonly TableName?: unknown } & { readonly [map in (typeof VALUE_MAPS)[number]]?: unknown };

function actionOf(item: TransactWriteItem | undefined, index: number): Action {
  const actions = ACTIONS.flatMap((name) => item?.[name] ?? []);
  const [action] = actions;
  if (action === undefined || actions.length !== 1) {
    throw invalid(`Item ${index} is not one Put, Update, Delete or ConditionCheck`);
  }
  return action;
}

function checkTable({ TableName }: Action, index: number, logTables: readonly string[]): void {
  if (typeof TableName !== 'string' || TableName === '') throw invalid(`Item ${index} names no table`);
  // A table may also be named by its ARN.
  const name = TableName.slice(TableName.lastIndexOf('/') + 1);
  if (logTables.includes(name)) throw invalid(`Item ${index} reaches into the log's own table ${name}`);
}

/** Plain values where DynamoDB wants typed ones are an easy mistake, and not every server notices. */
function checkValues(map: unknown, where: string): void {
  if (map === undefined) return;
  for (const [name, value] of Object.entries(map ?? {})) {
    const types = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (types.length !== 1 || !TYPES.has(types[0] ?? '')) {
      throw invalid(`${where}: the value of "${name}" is not in DynamoDB's form, such as { S: 'text' }`);
    }
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', message);
}
