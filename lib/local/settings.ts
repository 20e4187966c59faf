import type { Dialect } from '../http/consumers/instance.ts';

export interface LocalSettings {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly dataDir: string;
  /** How consumer instances commit. @default told by their own settings */
  readonly dialect?: Dialect;
}

export interface LocalStart {
  readonly settings: LocalSettings;
  /** Of the regions that are to run side by side; empty: one node, which is no region among others. */
  readonly regions: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULTS: LocalSettings = { host: '127.0.0.1', port: 8082, dataDir: '.millrace' };
const HOST = /^(?:[\w.-]{1,253}|[0-9A-Fa-f:.]{2,45}(?:%\w+)?)$/;

/**
 * `MILLRACE_HOST`, `MILLRACE_HTTP_PORT`, `MILLRACE_DATA_DIR`, `MILLRACE_CONSUMER_DIALECT` and `MILLRACE_REGIONS`; empty ones
 * count as absent.
 */
export function readSettings(
  environment: Environment,
): LocalStart | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const host = environment.MILLRACE_HOST || DEFAULTS.host;
  if (!HOST.test(host)) problems.push(`MILLRACE_HOST must be a host name or an address, not '${host}'`);
  const port = portOf(environment.MILLRACE_HTTP_PORT || String(DEFAULTS.port));
  if (port === undefined) {
    problems.push(
      `MILLRACE_HTTP_PORT must be a number from 0 to 65535, not '${environment.MILLRACE_HTTP_PORT}'`,
    );
  }
  const dataDir = environment.MILLRACE_DATA_DIR || DEFAULTS.dataDir;
  const dialect = environment.MILLRACE_CONSUMER_DIALECT || undefined;
  if (!isDialect(dialect)) {
    problems.push(`MILLRACE_CONSUMER_DIALECT must be confluent or strimzi, not '${dialect}'`);
    return { problems };
  }
  const regions = (environment.MILLRACE_REGIONS || '').split(',').filter((alias) => alias !== '');
  if (!areRegions(regions)) {
    problems.push(
      `MILLRACE_REGIONS must be 2 to ${REGIONS_MAX} names, different ones, with a comma between, not '${environment.MILLRACE_REGIONS}'`,
    );
  }
  if (port === undefined || problems.length > 0) return { problems };
  return { settings: { host, port, dataDir, ...(dialect === undefined ? {} : { dialect }) }, regions };
}

const REGIONS_MAX = 8;
const REGION = /^[a-z0-9][a-z0-9-]{0,99}$/;

function areRegions(aliases: readonly string[]): boolean {
  if (aliases.length === 0) return true;
  const isGood = aliases.every((alias) => REGION.test(alias)) && new Set(aliases).size === aliases.length;
  return isGood && aliases.length > 1 && aliases.length <= REGIONS_MAX;
}

const isDialect = (text: string | undefined): text is Dialect | undefined =>
  text === undefined || text === 'confluent' || text === 'strimzi';

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}
