import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import type { Call } from '../../storage/call.ts';
import { checkItem, checkKey } from '../../storage/check-item.ts';
import type { Clock } from '../../storage/clock.ts';
import { StorageFault } from '../../storage/fault.ts';
import { PRICES, type Usage } from '../../storage/meter.ts';
import { observeNow } from '../../storage/observation.ts';
import type { Item, SortKey, Table } from '../../storage/table.ts';
import { deleteUsage, itemBytes, putUsage, readUsage, WRITE_UNIT_BYTES } from '../../storage/units.ts';
import { type AttemptOptions, attempt } from '../aws/attempt.ts';
import { conditionInput } from './condition.ts';
import { FAULT_RULES } from './fault-rules.ts';
import { itemFromWire, itemToWire, keyToWire, type SortKeyType } from './item.ts';
import { keyRange } from './key-range.ts';

/** An object and its pointer item cost one PUT and one unit; so many units inline cost no more. */
export const INLINE_BYTES_BREAK_EVEN: number =
  Math.round(PRICES.objectPut / PRICES.writeUnit) * WRITE_UNIT_BYTES;

/** What a conditional write met. */
interface WriteAnswer {
  readonly held: boolean;
  readonly before: Readonly<Record<string, AttributeValue>> | undefined;
}

export interface DynamoTableOptions<S extends SortKey> {
  readonly client: DynamoDBClient;
  readonly clock: Clock;
  readonly tableName: string;
  readonly sortKey: SortKeyType<S>;
  readonly writeMsMax: number;
  readonly readMsMax: number;
}

/**
 * One DynamoDB table. Every method is one request; the meter is charged by the rules of lib/storage/units.ts, also for
 * requests whose answer was lost, not for those that DynamoDB refused without doing anything.
 */
export function dynamoTable<S extends SortKey>(options: DynamoTableOptions<S>): Table<S> {
  const { client, clock, tableName: TableName, sortKey } = options;

  const reading = (what: string, consistent: boolean, call: Call): AttemptOptions => ({
    clock,
    call,
    attemptMsMax: options.readMsMax,
    write: false,
    usageIfLost: readUsage(0, { consistent }),
    rules: FAULT_RULES,
    what: `${what} in ${TableName}`,
  });
  const writing = (what: string, usageIfLost: Partial<Usage>, call: Call): AttemptOptions => ({
    clock,
    call,
    attemptMsMax: options.writeMsMax,
    write: true,
    usageIfLost,
    rules: FAULT_RULES,
    what: `${what} in ${TableName}`,
  });
  const standingOf = ({ before }: WriteAnswer): { item: Item<S> | undefined; bytes: number } => {
    const item = before && itemFromWire(before, sortKey);
    return { item, bytes: item === undefined ? 0 : itemBytes(item) };
  };

  return {
    inlineBytesBreakEven: INLINE_BYTES_BREAK_EVEN,

    get: async (key, { consistent }, call) => {
      checkKey(key);
      const command = new GetItemCommand({
        TableName,
        Key: keyToWire(key, sortKey),
        ConsistentRead: consistent,
      });
      const { output, observation } = await attempt(
        command,
        (how) => client.send(command, how),
        reading(`get ${key.pk}/${key.sk}`, consistent, call),
      );
      const item = output.Item && itemFromWire(output.Item, sortKey);
      call.meter.add(readUsage(item === undefined ? 0 : itemBytes(item), { consistent }));
      return { item, observation };
    },

    put: async (item, { condition, fences = [] }, call) => {
      const bytes = checkItem(item);
      const usageIfLost = putUsage({ stored: true, itemBytes: bytes, standingBytes: 0 });
      const command = new PutItemCommand({
        TableName,
        Item: itemToWire(item, sortKey),
        ...conditionInput(condition),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        // The item that is replaced counts in the bill.
        ReturnValues: condition.kind === 'ifVersion' ? 'ALL_OLD' : 'NONE',
      });
      const { output, observation } = await attempt<WriteAnswer>(
        command,
        async (how) => ({ held: true, before: (await client.send(command, how)).Attributes }),
        { ...writing(`put ${item.pk}/${item.sk}`, usageIfLost, call), fences, answerOf: lostAnswer },
      );
      const standing = standingOf(output);
      call.meter.add(putUsage({ stored: output.held, itemBytes: bytes, standingBytes: standing.bytes }));
      if (output.held) return { stored: true, observation };
      if (standing.item === undefined && condition.kind === 'ifAbsent') {
        throw new StorageFault('refused', `put in ${TableName}: lost, but not told to what`);
      }
      return { stored: false, standing: standing.item, observation };
    },

    query: async (pk, range, call) => {
      const keys = keyRange(pk, range, sortKey);
      if (keys === undefined) return { items: [], more: false, observation: observeNow(clock) };
      const { consistent } = range;
      const command = new QueryCommand({
        TableName,
        ...keys,
        ScanIndexForward: range.reverse !== true,
        Limit: range.limit,
        ConsistentRead: consistent,
      });
      const { output, observation } = await attempt(
        command,
        (how) => client.send(command, how),
        reading(`query ${pk}`, consistent, call),
      );
      const items = (output.Items ?? []).map((wire) => itemFromWire(wire, sortKey));
      const bytes = items.reduce((sum, item) => sum + itemBytes(item), 0);
      call.meter.add(readUsage(bytes, { consistent }));
      return { items, more: output.LastEvaluatedKey !== undefined, observation };
    },

    delete: async (key, { ifVersion }, call) => {
      checkKey(key);
      const usageIfLost = deleteUsage({ deleted: true, standingBytes: 0 });
      const command = new DeleteItemCommand({
        TableName,
        Key: keyToWire(key, sortKey),
        ...conditionInput({ kind: 'ifVersion', version: ifVersion }),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ReturnValues: 'ALL_OLD',
      });
      const { output } = await attempt<WriteAnswer>(
        command,
        async (how) => ({ held: true, before: (await client.send(command, how)).Attributes }),
        { ...writing(`delete ${key.pk}/${key.sk}`, usageIfLost, call), answerOf: lostAnswer },
      );
      call.meter.add(deleteUsage({ deleted: output.held, standingBytes: standingOf(output).bytes }));
      return { deleted: output.held };
    },
  };
}

function lostAnswer(error: unknown): WriteAnswer | undefined {
  return error instanceof ConditionalCheckFailedException ? { held: false, before: error.Item } : undefined;
}
