import { DescribeTableCommand, type DescribeTableCommandOutput } from '@aws-sdk/client-dynamodb';
import { StorageFault } from '../../storage/fault.ts';

/** A `DynamoDBClient`, or anything that sends like it. */
export interface TableDescriber {
  readonly send: (command: DescribeTableCommand) => Promise<Pick<DescribeTableCommandOutput, 'Table'>>;
}

/**
 * ⚑ Throws `StorageFault` (`refused`) if one of the tables is DynamoDB's global table. Its replicas judge conditions each
 * for itself, and of two writes that both held one is dropped: no chain of conditional writes survives that.
 */
export async function refuseReplicas(client: TableDescriber, tableNames: readonly string[]): Promise<void> {
  for (const TableName of tableNames) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName })).catch((cause: unknown) => {
      const what = `looking whether ${TableName} has replicas`;
      throw cause instanceof StorageFault
        ? cause
        : new StorageFault('interrupted', what, { cause, mayHaveHappened: false });
    });
    if ((Table?.Replicas ?? []).length === 0) continue;
    throw new StorageFault(
      'refused',
      `${TableName} has replicas in other regions: a log cannot live in a global table`,
    );
  }
}
