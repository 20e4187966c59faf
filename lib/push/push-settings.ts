import { LIMITS } from '../limits.ts';

/** What is pushed to one function, and how patiently. All fields are set. */
export interface PushSettings {
  /** The consumer group that keeps the positions. */
  readonly group: string;
  readonly topics: readonly string[];
  /** ARN of a function, a version or an alias in the stack's region. */
  readonly functionArn: string;
  /** Records in one call at most. */
  readonly batchSize: number;
  /** Bytes of one call's records at most, as they are sent; one record always goes out. */
  readonly batchBytes: number;
  /** How often a batch that failed is sent again before it is given up. */
  readonly maxRetries: number;
  /** Records older than this are given up unsent. 0: never. */
  readonly maxRecordAgeSeconds: number;
  /** Partitions of which one runner has a call under way at once. */
  readonly parallelPartitions: number;
  /** Where a group begins that has no position yet. */
  readonly startingPosition: 'earliest' | 'latest';
  /** Whether a batch that failed is halved until the record that fails stands alone. */
  readonly bisect: boolean;
  /** How long a run that has delivered something waits for more. */
  readonly lingerSeconds: number;
}

interface Whole {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/** A call carries 6 MB; what is around the records, and a record's own escapes, fit into the rest. */
export const CALL_BYTES_MAX = 5_500_000;

export const PUSH_NUMBERS: Readonly<
  Record<
    | 'batchSize'
    | 'batchBytes'
    | 'maxRetries'
    | 'maxRecordAgeSeconds'
    | 'parallelPartitions'
    | 'lingerSeconds',
    Whole
  >
> = {
  batchSize: { min: 1, max: 10_000, default: 100 },
  batchBytes: { min: 1_024, max: CALL_BYTES_MAX, default: 1_048_576 },
  maxRetries: { min: 0, max: 10_000, default: 10 },
  maxRecordAgeSeconds: { min: 0, max: 31_536_000, default: 0 },
  parallelPartitions: { min: 1, max: 100, default: 10 },
  lingerSeconds: { min: 0, max: 50, default: 20 },
};

/** A function's variables are 4 KB together (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const SETTINGS_BYTES_MAX = 2_500;

const NAMES = ['group', 'topics', 'functionArn', 'startingPosition', 'bisect', ...Object.keys(PUSH_NUMBERS)];
const ARN = /^arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]{1,140}(:[\w$-]{1,128})?$/;

/**
 * Checks settings that come as JSON (text, or parsed already): a list of objects. Throws an error that names the entry,
 * the field, and what it may be.
 */
export function readPushSettings(value: unknown): readonly PushSettings[] {
  const parsed = typeof value === 'string' ? parse(value) : value;
  if (!Array.isArray(parsed)) throw new Error('push: a JSON list of objects, one for each function');
  const all = parsed.map((entry: unknown, index) => readEntry(entry, `push[${index}]`));
  const groups = new Set<string>();
  for (const [index, { group }] of all.entries()) {
    if (groups.has(group))
      throw new Error(`push[${index}].group: "${group}" is pushed to a function already`);
    groups.add(group);
  }
  return all;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('push: a JSON list of objects, one for each function; this is no JSON', { cause });
  }
}

function readEntry(entry: unknown, at: string): PushSettings {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw new Error(`${at}: an object`);
  const fields = entry as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new Error(`${at}.${unknown}: there is no such setting; there are ${NAMES.join(', ')}`);
  }
  const bytes = Buffer.byteLength(JSON.stringify(entry));
  if (bytes > SETTINGS_BYTES_MAX) {
    throw new Error(`${at}: at most ${SETTINGS_BYTES_MAX} bytes in all, topics included; these are ${bytes}`);
  }
  const whole = (name: keyof typeof PUSH_NUMBERS): number =>
    wholeOf(fields[name], PUSH_NUMBERS[name], `${at}.${name}`);
  return {
    group: groupOf(fields.group, `${at}.group`),
    topics: topicsOf(fields.topics, `${at}.topics`),
    functionArn: functionOf(fields.functionArn, `${at}.functionArn`),
    startingPosition: positionOf(fields.startingPosition, `${at}.startingPosition`),
    bisect: flagOf(fields.bisect, `${at}.bisect`),
    batchSize: whole('batchSize'),
    batchBytes: whole('batchBytes'),
    maxRetries: whole('maxRetries'),
    maxRecordAgeSeconds: whole('maxRecordAgeSeconds'),
    parallelPartitions: whole('parallelPartitions'),
    lingerSeconds: whole('lingerSeconds'),
  };
}

function groupOf(value: unknown, at: string): string {
  const isGroup =
    typeof value === 'string' &&
    value !== '' &&
    value.isWellFormed() &&
    Buffer.byteLength(value) <= LIMITS.groupIdBytesMax;
  if (!isGroup) throw new Error(`${at}: 1 to ${LIMITS.groupIdBytesMax} bytes of text; got ${shown(value)}`);
  return value;
}

function topicsOf(value: unknown, at: string): readonly string[] {
  const topics: readonly unknown[] = Array.isArray(value) ? value : [];
  const isTopics =
    topics.length > 0 &&
    topics.length <= LIMITS.topicsPerSubscriptionMax &&
    new Set(topics).size === topics.length &&
    topics.every((topic) => typeof topic === 'string' && /^[\w.-]{1,249}$/.test(topic));
  if (isTopics) return topics as readonly string[];
  throw new Error(`${at}: a list of topic names, each once, at least one; got ${shown(value)}`);
}

function functionOf(value: unknown, at: string): string {
  if (typeof value === 'string' && ARN.test(value)) return value;
  throw new Error(`${at}: the ARN of a Lambda function, a version or an alias; got ${shown(value)}`);
}

function positionOf(value: unknown, at: string): PushSettings['startingPosition'] {
  if (value === undefined || value === 'earliest') return 'earliest';
  if (value === 'latest') return value;
  throw new Error(`${at}: earliest or latest; got ${shown(value)}`);
}

function flagOf(value: unknown, at: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? true;
  throw new Error(`${at}: true or false; got ${shown(value)}`);
}

function wholeOf(value: unknown, { min, max, default: otherwise }: Whole, at: string): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new Error(`${at}: a whole number from ${min} to ${max}; got ${shown(value)}`);
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 200);
}
