import { describeWithinContract } from '../contract/within-contract.ts';
import { createTables } from '../tools/aws-storage.ts';
import { startDynamodbLocal } from '../tools/dynamodb-local.ts';

describeWithinContract('DynamoDB Local', async () => {
  const server = await startDynamodbLocal();
  const tables = await createTables(server.endpoint);
  return {
    ...tables,
    close: async () => {
      tables.close();
      await server.stop();
    },
  };
});
