import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import { engineParts, type LogOptions, openLog } from '../../lib/open-log.ts';
import { partitionKey } from '../../lib/partition/chunk.ts';
import { sealOnce } from '../../lib/segment/seal/seal.ts';
import type { Call } from '../../lib/storage/call.ts';
import { batchOf, codecs, newCall } from '../support/log-on-memory.ts';
import {
  createBucket,
  createTables,
  type EmulatedBucket,
  type EmulatedTables,
} from '../tools/aws-storage.ts';
import { type Ministack, startMinistack } from '../tools/ministack.ts';

const clock = systemClock();
const call = (): Call => newCall(clock, { ms: 60_000 });
let ministack: Ministack;
let tables: EmulatedTables;
let objects: EmulatedBucket;

/** A log with a segment and an unsealed chunk, in tables without expiry, as a restore makes them. */
beforeAll(async () => {
  ministack = await startMinistack({ auth: true, tls: false });
  tables = await createTables(ministack.endpoint);
  objects = await createBucket(ministack.endpoint);
  const { hot, catalog } = tables;
  const storage: LogOptions = { hot, catalog, bucket: objects.bucket, clock, random: systemRandom(), codecs };
  const log = await openLog(storage, call());
  await log.createTopic({ name: 'orders' }, call());
  await log.produce({ topic: 'orders', partition: 0, batches: batchOf('a') }, call());
  const pk = partitionKey((await log.describeTopic('orders', call())).topicId, 0);
  const settings = { segmentBytes: 14, segmentMs: 1, hotRetentionMs: 86_400_000 };
  await sealOnce(engineParts(storage), pk, settings, call());
  await log.produce({ topic: 'orders', partition: 0, batches: batchOf('b') }, call());
});

afterAll(async () => {
  tables?.close();
  objects?.close();
  await ministack?.stop();
});

async function run(command: string, ...args: readonly string[]): Promise<{ status: number; text: string }> {
  const names = ['--hot-table', tables.hotTable, '--catalog-table', tables.catalogTable];
  const place = [...names, '--bucket', objects.name, '--endpoint', ministack.endpoint];
  const env = { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const child = spawn(process.execPath, [`ops/${command}.ts`, ...place, ...args], { env });
  const text: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => text.push(String(piece)));
  const [status] = (await once(child, 'close')) as [number];
  return { status, text: text.join('') };
}

const expiry = async (): Promise<(string | undefined)[]> =>
  Promise.all(
    [tables.hotTable, tables.catalogTable].map(async (TableName) => {
      const { TimeToLiveDescription } = await tables.client.send(
        new DescribeTimeToLiveCommand({ TableName }),
      );
      return TimeToLiveDescription?.TimeToLiveStatus;
    }),
  );

describe('on tables and a bucket', () => {
  it('npm run verify finds a sound log sound', async () => {
    const { status, text } = await run('verify');
    expect(text).toContain('orders: 1 partitions, 1 segments, 1 unsealed chunks, 2 records');
    expect(status).toBe(0);
  });

  it('npm run restore turns expiry on again, but only when it is told to', async () => {
    expect((await run('restore')).text).toContain('Nothing was changed');
    expect(await expiry()).toEqual(['DISABLED', 'DISABLED']);
    const { status, text } = await run('restore', '--apply');
    expect(text).toContain('orders: the leader epoch is raised to 1, from the ends at 2 on');
    expect(text).toContain(`Expiry is on again: ${tables.hotTable}`);
    expect(status).toBe(0);
    expect(await expiry()).toEqual(['ENABLED', 'ENABLED']);
    expect((await run('restore', '--apply')).text).not.toContain('Expiry is on again');
  });
});
