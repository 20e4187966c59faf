import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDirectoryBucket } from '../lib/adapters/directory/index.ts';
import { dynamoClient, dynamoTables, turnExpiryOn } from '../lib/adapters/dynamodb/index.ts';
import { s3Bucket, s3Client } from '../lib/adapters/s3/index.ts';
import { openSqliteTables } from '../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { LogOptions } from '../lib/open-log.ts';
import { loadCodecs } from '../lib/record/index.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import type { Place } from './arguments.ts';

export interface OpenStorage {
  /** For people. */
  readonly name: string;
  readonly storage: LogOptions;
  /** Turns on what deletes expired items. Where a node does that itself there is nothing to do. */
  turnExpiryOn(): Promise<readonly string[]>;
  close(): void;
}

/** Throws `StorageFault` (`refused`: there is no such store, or a node has it open). Makes nothing that is not there. */
export async function openStorage(place: Place): Promise<OpenStorage> {
  const clock = systemClock();
  const random = systemRandom();
  const codecs = await loadCodecs();
  if (place.kind === 'local') {
    const dataDir = resolve(place.dataDir);
    const path = join(dataDir, 'millrace.sqlite');
    if (!existsSync(path)) throw new StorageFault('refused', `there is no Millrace store in ${dataDir}`);
    const tables = openSqliteTables({ path, clock });
    const { hot, catalog } = tables;
    const bucket = openDirectoryBucket({ path: join(dataDir, 'objects'), clock, random });
    return {
      name: dataDir,
      storage: { hot, catalog, bucket, clock, random, codecs },
      turnExpiryOn: async () => [],
      close: () => tables.close(),
    };
  }
  const { region, endpoint, hotTable, catalogTable, bucket } = place;
  const connection = { region, ...(endpoint === undefined ? {} : { endpoint }) };
  const client = dynamoClient(connection);
  const tables = dynamoTables({ client, hotTable, catalogTable, clock });
  const objects = s3Client({ ...connection, forcePathStyle: endpoint !== undefined });
  return {
    name: `${hotTable}, ${catalogTable} and s3://${bucket}`,
    storage: { ...tables, bucket: s3Bucket({ client: objects, bucket, clock }), clock, random, codecs },
    turnExpiryOn: () => turnExpiryOn(client, [hotTable, catalogTable]),
    close: () => {
      client.destroy();
      objects.destroy();
    },
  };
}
