import { parseArgs } from 'node:util';

/** Where the log is: a local node's data directory, or tables and a bucket on AWS or an emulator. */
export type Place =
  | { readonly kind: 'local'; readonly dataDir: string }
  | {
      readonly kind: 'aws';
      readonly region: string;
      readonly endpoint?: string;
      readonly hotTable: string;
      readonly catalogTable: string;
      readonly bucket: string;
    };

export interface Arguments {
  readonly place: Place;
  /** Undefined: all topics. */
  readonly topic?: string;
  /** Only of `restore`: do it, and not only say what would be done. */
  readonly apply: boolean;
  readonly help: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The options of `parseArgs` that say where the log is. */
export const PLACE_OPTIONS = {
  'data-dir': { type: 'string' },
  region: { type: 'string' },
  endpoint: { type: 'string' },
  'hot-table': { type: 'string' },
  'catalog-table': { type: 'string' },
  bucket: { type: 'string' },
} as const;

type PlaceValues = { readonly [Name in keyof typeof PLACE_OPTIONS]?: string | undefined };

const OPTIONS = {
  topic: { type: 'string' },
  ...PLACE_OPTIONS,
  apply: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

export const PLACE_HELP = `  --data-dir DIR         a local node's data directory (MILLRACE_DATA_DIR, .millrace)
or
  --hot-table NAME       MILLRACE_HOT_TABLE
  --catalog-table NAME   MILLRACE_CATALOG_TABLE
  --bucket NAME          MILLRACE_BUCKET
  --region REGION        AWS_REGION, us-east-1
  --endpoint URL         AWS_ENDPOINT_URL: an emulator`;

/** Throws an error with one line that says what is wrong. */
export function readArguments(args: readonly string[], environment: Environment): Arguments {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
  const { topic, apply = false, help = false } = values;
  const place = placeOf(values, environment);
  return { ...(topic === undefined ? {} : { topic }), apply, help, place };
}

/** Throws an error with one line that says what is wrong. */
export function placeOf(values: PlaceValues, environment: Environment): Place {
  const hotTable = values['hot-table'] ?? environment.MILLRACE_HOT_TABLE;
  const catalogTable = values['catalog-table'] ?? environment.MILLRACE_CATALOG_TABLE;
  const bucket = values.bucket ?? environment.MILLRACE_BUCKET;
  const isLocal =
    values['data-dir'] !== undefined || [hotTable, catalogTable, bucket].every((name) => name === undefined);
  if (isLocal) {
    const dataDir = values['data-dir'] ?? (environment.MILLRACE_DATA_DIR || '.millrace');
    return { kind: 'local', dataDir };
  }
  if (hotTable === undefined || catalogTable === undefined || bucket === undefined) {
    throw new Error('--hot-table, --catalog-table and --bucket belong together');
  }
  const region = values.region ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? 'us-east-1';
  const endpoint = values.endpoint ?? environment.AWS_ENDPOINT_URL;
  const names = { region, hotTable, catalogTable, bucket };
  return { kind: 'aws', ...names, ...(endpoint === undefined ? {} : { endpoint }) };
}
