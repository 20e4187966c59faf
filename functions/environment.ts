/** What a function reads from its environment, once, when it starts. */
export interface FunctionEnvironment {
  readonly region: string;
  readonly hotTable: string;
  readonly catalogTable: string;
  readonly bucket: string;
  /** The share of requests that leave a line in the log, from 0 to 1. */
  readonly logSampleRate: number;
  /** The stack's name: a dimension of its metrics, which one account may have several of. */
  readonly stack?: string;
  /** Where planners and workers send tasks to. */
  readonly taskQueueUrl?: string;
  /** This deployment among those that copy from each other. */
  readonly own?: { readonly alias: string; readonly number: number };
  /** Aliases of the others among those; only who manages flows is told. */
  readonly others?: readonly string[];
}

const NAMES = {
  region: 'AWS_REGION',
  hotTable: 'MILLRACE_HOT_TABLE',
  catalogTable: 'MILLRACE_CATALOG_TABLE',
  bucket: 'MILLRACE_BUCKET',
} as const;

const LOG_SAMPLE_RATE_DEFAULT = 0.01;

/** Throws one error that names everything that is missing or wrong. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): FunctionEnvironment {
  const problems: string[] = [];
  const required = (name: string): string => {
    const value = env[name] ?? '';
    if (value === '') problems.push(`${name} is not set`);
    return value;
  };
  const environment: FunctionEnvironment = {
    region: required(NAMES.region),
    hotTable: required(NAMES.hotTable),
    catalogTable: required(NAMES.catalogTable),
    bucket: required(NAMES.bucket),
    logSampleRate: shareOf(env, 'MILLRACE_LOG_SAMPLE_RATE', problems),
    ...(env.MILLRACE_STACK ? { stack: env.MILLRACE_STACK } : {}),
    ...(env.MILLRACE_TASK_QUEUE_URL ? { taskQueueUrl: env.MILLRACE_TASK_QUEUE_URL } : {}),
    ...(env.MILLRACE_REGION ? { own: { alias: env.MILLRACE_REGION, number: numberOf(env, problems) } } : {}),
    ...(env.MILLRACE_OTHER_REGIONS ? { others: env.MILLRACE_OTHER_REGIONS.split(' ') } : {}),
  };
  if (problems.length > 0)
    throw new Error(`The function's environment is incomplete: ${problems.join('; ')}`);
  return environment;
}

/** ⚑ Never by default: two regions with one number would give out the same producer ids. */
function numberOf(env: Readonly<Record<string, string | undefined>>, problems: string[]): number {
  const text = env.MILLRACE_REGION_NUMBER ?? '';
  if (!/^\d{1,4}$/.test(text)) problems.push(`MILLRACE_REGION_NUMBER must be a whole number, not "${text}"`);
  return Number(text);
}

function shareOf(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  problems: string[],
): number {
  const text = env[name];
  if (text === undefined || text === '') return LOG_SAMPLE_RATE_DEFAULT;
  const share = Number(text);
  if (share >= 0 && share <= 1) return share;
  problems.push(`${name} must be a number from 0 to 1, not "${text}"`);
  return LOG_SAMPLE_RATE_DEFAULT;
}
