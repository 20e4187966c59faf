import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoClient, dynamoTables, dynamoTransactions } from '../../../lib/adapters/dynamodb/index.ts';
import { memoryBucket } from '../../../lib/adapters/memory/index.ts';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import type { Millrace } from '../../../lib/client/millrace.ts';
import { openOnStorage } from '../../../lib/client/open-on-storage.ts';
import { retryingTransactions } from '../../../lib/client/transactions.ts';
import { loadCodecs } from '../../../lib/record/index.ts';
import { addOne, putNew } from '../../support/business-on-dynamodb.ts';
import { emulatorConnection } from '../../tools/aws-storage.ts';

export interface Place {
  readonly endpoint: string;
  readonly hotTable: string;
  readonly catalogTable: string;
  readonly businessTable: string;
}

/** A library of its own; `watch` may get between it and DynamoDB. */
export async function openLibrary(
  { endpoint, hotTable, catalogTable }: Omit<Place, 'businessTable'>,
  watch: (client: DynamoDBClient) => void = () => undefined,
): Promise<Millrace> {
  const client = dynamoClient(emulatorConnection(endpoint));
  watch(client);
  const clock = systemClock();
  const random = systemRandom();
  const names = { client, clock, hotTable, catalogTable };
  // An emulator may be slow on a busy machine.
  const tables = dynamoTables({ ...names, writeMsMax: 10_000, readMsMax: 10_000 });
  const attempts = dynamoTransactions({ ...names, transactionMsMax: 10_000 });
  const storage = { ...tables, bucket: memoryBucket({ clock }), clock, random, codecs: await loadCodecs() };
  return openOnStorage(storage, {
    transactions: retryingTransactions(attempts, { ...tables, clock, random }),
    close: async () => client.destroy(),
  });
}

/** Places the order `name`, which its condition lets happen once. */
export async function placeOrder(millrace: Millrace, table: string, name: string): Promise<void> {
  const items = [putNew(table, name), addOne(table, `times ${name}`)];
  const records = [{ topic: 'orders', key: name, value: name }];
  await millrace.producer().outbox().send({ records, items });
}

/** Counts all letters as the group `name`, each and in all, and leaves. */
export async function countLetters(
  millrace: Millrace,
  table: string,
  { name, letterCount }: { readonly name: string; readonly letterCount: number },
): Promise<void> {
  const consumer = millrace.consumer({
    groupId: name,
    topics: ['letters'],
    autoOffsetReset: 'earliest',
    autoCommit: false,
    sessionTimeoutMs: 6_000,
    fetchWaitMs: 200,
  });
  const inbox = consumer.inbox();
  for await (const record of consumer) {
    await inbox.store(record, [addOne(table, `${name}/${record.offset}`), addOne(table, name)]);
    if (record.offset === letterCount - 1) break;
  }
  await consumer.close();
}
