import { dynamoClient, dynamoTables, dynamoTransactions } from '../adapters/dynamodb/index.ts';
import { s3Bucket, s3Client } from '../adapters/s3/index.ts';
import { systemClock, systemRandom } from '../adapters/system/index.ts';
import { MillraceError } from '../errors.ts';
import { loadCodecs } from '../record/codecs.ts';
import type { Millrace } from './millrace.ts';
import { openOnStorage } from './open-on-storage.ts';
import { retryingTransactions } from './transactions.ts';

/** The outputs of the deployed stack. Credentials come from the SDK's usual chain (environment, profile, role). */
export interface AwsOptions {
  readonly region: string;
  readonly hotTable: string;
  readonly catalogTable: string;
  readonly bucket: string;
  /** Of an emulator. @default the region's own */
  readonly endpoint?: string;
  /** @default the SDK's usual chain */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The same tables and bucket as the deployment's functions; opens connections as they are needed. */
export async function openAws(options: AwsOptions): Promise<Millrace> {
  const { region, hotTable, catalogTable, bucket, endpoint, credentials } = options;
  for (const [name, value] of Object.entries({ region, hotTable, catalogTable, bucket })) {
    if (!value) throw new MillraceError('INVALID_CONFIG', `openMillrace: aws.${name} is missing`);
  }
  const clock = systemClock();
  const random = systemRandom();
  const connection = {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
  const dynamo = dynamoClient(connection);
  const s3 = s3Client({ ...connection, forcePathStyle: endpoint !== undefined });
  const close = async (): Promise<void> => {
    dynamo.destroy();
    s3.destroy();
  };
  try {
    const names = { hotTable, catalogTable };
    const tables = dynamoTables({ client: dynamo, ...names, clock });
    const storage = {
      ...tables,
      bucket: s3Bucket({ client: s3, bucket, clock }),
      clock,
      random,
      codecs: await loadCodecs(),
      readsAhead: true,
    };
    const transactions = retryingTransactions(dynamoTransactions({ client: dynamo, ...names, clock }), {
      ...tables,
      clock,
      random,
    });
    return await openOnStorage(storage, { transactions, close });
  } catch (error) {
    await close();
    throw error;
  }
}
