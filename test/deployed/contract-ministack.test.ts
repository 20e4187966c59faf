import { afterAll, beforeAll } from 'vitest';
import { describeBucketContract } from '../contract/bucket-contract.ts';
import { describeTableContract } from '../contract/table-contract.ts';
import { createBucket, createTables } from '../tools/aws-storage.ts';
import { type Ministack, startMinistack } from '../tools/ministack.ts';

let ministack: Ministack | undefined;
beforeAll(async () => {
  ministack = await startMinistack({ auth: true, tls: false });
});
afterAll(async () => {
  await ministack?.stop();
});

function endpoint(): string {
  if (ministack === undefined) throw new Error('MiniStack is not running');
  return ministack.endpoint;
}

describeTableContract('DynamoDB on MiniStack', async () => await createTables(endpoint()));
describeBucketContract('S3 on MiniStack', async () => await createBucket(endpoint()));
