import { dynamoClient, dynamoTables } from '../lib/adapters/dynamodb/index.ts';
import { s3Bucket, s3Client } from '../lib/adapters/s3/index.ts';
import type { LogOptions } from '../lib/open-log.ts';
import { loadCodecs } from '../lib/record/index.ts';
import type { Clock } from '../lib/storage/clock.ts';
import type { Random } from '../lib/storage/random.ts';
import type { FunctionEnvironment } from './environment.ts';

/** The deployment's storage, which the log and its maintenance are opened on. Opens no connection. */
export async function deployedStorage(
  environment: FunctionEnvironment,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<LogOptions> {
  const { region, hotTable, catalogTable, bucket, own } = environment;
  const tables = dynamoTables({ client: dynamoClient({ region }), hotTable, catalogTable, clock });
  return {
    ...tables,
    bucket: s3Bucket({ client: s3Client({ region }), bucket, clock }),
    clock,
    random,
    codecs: await loadCodecs(),
    ...(own === undefined ? {} : { regionNumber: own.number }),
  };
}
