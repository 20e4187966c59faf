export interface LocalSettings {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly dataDir: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULTS: LocalSettings = { host: '127.0.0.1', port: 8082, dataDir: '.millrace' };
const HOST = /^(?:[\w.-]{1,253}|[0-9A-Fa-f:.]{2,45}(?:%\w+)?)$/;

/** `MILLRACE_HOST`, `MILLRACE_HTTP_PORT` and `MILLRACE_DATA_DIR`; empty ones count as absent. */
export function readSettings(
  environment: Environment,
): { readonly settings: LocalSettings } | { readonly problems: readonly string[] } {
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
  if (port === undefined || problems.length > 0) return { problems };
  return { settings: { host, port, dataDir } };
}

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}
