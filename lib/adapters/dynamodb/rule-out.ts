import { IdempotentParameterMismatchException, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Condition, Item, SortKey } from '../../storage/table.ts';
import { transactedPutUsage } from '../../storage/units.ts';
import type { RuledOut } from '../../storage/within.ts';
import { attempt } from '../aws/attempt.ts';
import { type CancelAnswer, cancelAnswer } from './cancel-answer.ts';
import { conditionInput } from './condition.ts';
import { FAULT_RULES } from './fault-rules.ts';
import { itemFromWire, keyToWire } from './item.ts';
import type { Transaction } from './transaction.ts';

type Answer = { readonly kind: 'ruled out' } | { readonly kind: 'open' } | CancelAnswer;

/**
 * ⚑ Uses up the request token of an item's transactions: another request with the same token, which only checks that
 * their condition still holds. Once that has gone through, DynamoDB refuses them for ten minutes
 * (`IdempotentParameterMismatch`, https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html),
 * longer than anything sent over a connection that is closed by now can be on its way.
 */
export async function ruleOut<S extends SortKey>(
  { client, clock, transactionMsMax, tableName: TableName, sortKey }: Transaction<S>,
  item: Item<S>,
  condition: Condition,
  call: Call,
): Promise<RuledOut<S>> {
  const what = `check of ${item.pk}/${item.sk} in ${TableName}`;
  const usage = transactedPutUsage({ stored: true, itemBytes: 0, standingBytes: 0 });
  const ConditionCheck = {
    TableName,
    Key: keyToWire(item, sortKey),
    ...conditionInput(condition),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
  };
  const command = new TransactWriteItemsCommand({
    TransactItems: [{ ConditionCheck }],
    ClientRequestToken: item.version,
  });
  const { output, observation } = await attempt<Answer>(
    command,
    async (how) => {
      await client.send(command, how);
      return { kind: 'ruled out' };
    },
    {
      clock,
      call,
      attemptMsMax: transactionMsMax,
      write: true,
      usageIfLost: usage,
      rules: FAULT_RULES,
      what,
      // The token has been used up already: by a transaction that was carried out, or by an earlier check of ours.
      answerOf: (error) =>
        error instanceof IdempotentParameterMismatchException ? { kind: 'open' } : cancelAnswer(error),
    },
  );
  call.meter.add(usage);
  switch (output.kind) {
    case 'ruled out':
    case 'open':
      return output;
    case 'lost':
      return {
        kind: 'standing',
        standing: output.before && itemFromWire(output.before, sortKey),
        observation,
      };
    case 'cancelled':
      throw new StorageFault('refused', `${what}: ${output.cause.message}`, { cause: output.cause });
    case 'refused':
      throw new StorageFault('refused', `${what}: ${output.why}`);
  }
}
