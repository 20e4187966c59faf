import { parseArgs } from 'node:util';
import { WAYS, type WayName } from './ways.ts';

export interface DemoOptions {
  /** `Infinity`: all of them. */
  readonly recordCount: number;
  readonly recordsPerRequest: number;
  /** The node or API to use. Undefined: a local node of the demo's own. */
  readonly url: string | undefined;
  /** Sent with every request, such as `Authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly ways: readonly WayName[];
  /** The whole life of the records: sealed and compacted, too. */
  readonly isLife: boolean;
  /** Where the local node keeps its data. Undefined: a temporary directory, removed at the end. */
  readonly dataDir: string | undefined;
}

export const USAGE: string = `usage: npm run demo -- [options]
  --records N      how many flights (200000)
  --compact        the whole life of the records, with routes (origin-destination) as keys:
                   produce, seal, read, compact, read again; runs maintenance jobs
  --all            --compact with all 3,000,000
  --batch N        records per request (1000); larger ones cost less
  --via WAY        json, batches, or both (both; batches with --compact and --all)
  --url URL        a running node or a deployed API, instead of a local node of its own
  --header 'N: V'  sent with every request; may be repeated
  MILLRACE_DATA_DIR=path keeps the local node's data there`;

const RECORDS_DEFAULT = 200_000;
const BATCH_DEFAULT = 1_000;
const BATCH_MAX = 10_000;

/** What is wrong with the command line, for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Throws `UsageError`. `help` is undefined if nobody asked for it. */
export function readOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): DemoOptions | 'help' {
  const values = parse(argv);
  if (values.help === true) return 'help';
  if (values.all === true && values.records !== undefined) {
    throw new UsageError('--all and --records exclude each other');
  }
  const isLife = values.all === true || values.compact === true;
  return {
    isLife,
    recordCount:
      values.all === true ? Number.POSITIVE_INFINITY : count('--records', values.records, RECORDS_DEFAULT),
    recordsPerRequest: count('--batch', values.batch, BATCH_DEFAULT, BATCH_MAX),
    url: values.url === undefined ? undefined : readUrl(values.url),
    headers: Object.fromEntries((values.header ?? []).map(readHeader)),
    ways: readWays(values.via ?? (isLife ? 'batches' : 'both')),
    dataDir: environment.MILLRACE_DATA_DIR || undefined,
  };
}

interface Values {
  readonly records?: string | undefined;
  readonly all?: boolean | undefined;
  readonly compact?: boolean | undefined;
  readonly batch?: string | undefined;
  readonly via?: string | undefined;
  readonly url?: string | undefined;
  readonly header?: readonly string[] | undefined;
  readonly help?: boolean | undefined;
}

function parse(argv: readonly string[]): Values {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        records: { type: 'string' },
        all: { type: 'boolean' },
        compact: { type: 'boolean' },
        batch: { type: 'string' },
        via: { type: 'string' },
        url: { type: 'string' },
        header: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(
  name: string,
  text: string | undefined,
  otherwise: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (text === undefined) return otherwise;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new UsageError(
    `${name} must be a whole number from 1${max < 1e9 ? ` to ${max}` : ''}, not '${text}'`,
  );
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`--url must be an http or https URL, not '${text}'`);
  }
  return text.replace(/\/+$/, '');
}

function readHeader(text: string): readonly [string, string] {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--header must be 'Name: value', not '${text}'`);
  }
  return [name, value];
}

function readWays(text: string): readonly WayName[] {
  const ways = WAYS.filter((name) => text === 'both' || text === name);
  if (ways.length === 0) throw new UsageError(`--via must be json, batches or both, not '${text}'`);
  return ways;
}
