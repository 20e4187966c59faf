import {
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';

const ATTRIBUTE = 'x';

/**
 * Has DynamoDB delete expired items of these tables. A table that was restored to a point in time comes back without
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_beforeyoubegin.html). Answers the
 * tables where it was off.
 */
export async function turnExpiryOn(
  client: DynamoDBClient,
  tableNames: readonly string[],
): Promise<readonly string[]> {
  const turned: string[] = [];
  for (const TableName of tableNames) {
    const { TimeToLiveDescription: now } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
    const { TimeToLiveStatus: status } = now ?? {};
    if (status === 'ENABLED' || status === 'ENABLING') continue;
    const TimeToLiveSpecification = { AttributeName: ATTRIBUTE, Enabled: true };
    await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
    turned.push(TableName);
  }
  return turned;
}
