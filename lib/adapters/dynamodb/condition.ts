import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Condition } from '../../storage/table.ts';

/** The part of a write that names its condition. */
export function conditionInput(condition: Condition): {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>;
} {
  return condition.kind === 'ifAbsent'
    ? { ConditionExpression: 'attribute_not_exists(pk)' }
    : {
        ConditionExpression: 'v = :version',
        ExpressionAttributeValues: { ':version': { S: condition.version } },
      };
}
