import type { TemporaryCredentials } from '../lib/adapters/aws/connection.ts';
import {
  dynamoClient,
  dynamoTables,
  INLINE_BYTES_BREAK_EVEN,
  refuseReplicas,
} from '../lib/adapters/dynamodb/index.ts';
import { s3Bucket, s3Client } from '../lib/adapters/s3/index.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import { engineParts } from '../lib/open-log.ts';
import type { Codecs } from '../lib/record/codecs.ts';
import type { Sources } from '../lib/replication/source-region.ts';
import type { Bucket } from '../lib/storage/bucket.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import { bucketOpenedLater, tableOpenedLater } from '../lib/storage/opened-later.ts';
import type { Random } from '../lib/storage/random.ts';
import type { Table } from '../lib/storage/table.ts';
import { retryingOnce } from './retrying-once.ts';

/** Where another region is, and the role under which it may be read. */
export interface SourceSettings {
  readonly alias: string;
  /** Of AWS. */
  readonly region: string;
  readonly roleArn: string;
  /** Tells the names of its tables and its bucket. */
  readonly parameter: string;
}

export interface SourceRegionsParts {
  readonly sources: readonly SourceSettings[];
  readonly own: { readonly alias: string; readonly region: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly codecs: Codecs;
}

interface OpenedSource {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
}

/** Regions may lie on two sides of the earth, and pages have up to 1 MB. */
const READ_MS_MAX = 6_000;
const CONNECT_MS_MAX = 3_000;
const PRICED = { inlineBytesBreakEven: INLINE_BYTES_BREAK_EVEN };

/** The other regions' storage, read under a role of theirs. It is looked for when it is first read. */
export function sourceRegions(parts: SourceRegionsParts): Sources {
  const { sources, clock, random, codecs } = parts;
  const opened = new Map<string, EngineParts>();
  return async (alias) => {
    const settings = sources.find((one) => one.alias === alias);
    if (settings === undefined) return undefined;
    const known =
      opened.get(alias) ?? engineParts({ ...sourceStorage(parts, settings), clock, random, codecs });
    opened.set(alias, known);
    return known;
  };
}

function sourceStorage({ own, clock }: SourceRegionsParts, settings: SourceSettings): OpenedSource {
  const { region, parameter } = settings;
  // Loaded by the first read: a function that has just been started may have no need of it.
  const access = retryingOnce(async () => (await import('./source-access.ts')).sourceAccess(own, settings));
  const credentials = async (): Promise<TemporaryCredentials> => (await access()).takeRole();
  const connection = { region, credentials, connectMsMax: CONNECT_MS_MAX };
  const dynamo = dynamoClient(connection);
  const s3 = s3Client(connection);

  const open = retryingOnce(async (): Promise<OpenedSource> => {
    const names = storageNames(await (await access()).readParameter(), parameter);
    await refuseReplicas(dynamo, [names.hotTable, names.catalogTable]);
    const { hotTable, catalogTable, bucket } = names;
    const tables = dynamoTables({ client: dynamo, hotTable, catalogTable, clock, readMsMax: READ_MS_MAX });
    return { ...tables, bucket: s3Bucket({ client: s3, bucket, clock }) };
  });
  return {
    hot: tableOpenedLater(async () => (await open()).hot, PRICED),
    catalog: tableOpenedLater(async () => (await open()).catalog, PRICED),
    bucket: bucketOpenedLater(async () => (await open()).bucket),
  };
}

function storageNames(
  text: string,
  parameter: string,
): Readonly<Record<'hotTable' | 'catalogTable' | 'bucket', string>> {
  try {
    const { hotTable, catalogTable, bucket } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof hotTable === 'string' && typeof catalogTable === 'string' && typeof bucket === 'string') {
      return { hotTable, catalogTable, bucket };
    }
  } catch {
    // Told below.
  }
  throw new StorageFault('damaged', `the parameter ${parameter} does not tell where the log lies`);
}
