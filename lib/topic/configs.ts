import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/**
 * Topic configs: Kafka's names, defaults and ranges (https://kafka.apache.org/documentation/#topicconfigs), and two of
 * our own that begin with `hot.`. Values travel as strings, as in Kafka's DescribeConfigs.
 */
export type TopicConfigName =
  | 'cleanup.policy'
  | 'compression.type'
  | 'delete.retention.ms'
  | 'hot.inline.max.bytes'
  | 'hot.retention.ms'
  | 'local.retention.bytes'
  | 'local.retention.ms'
  | 'max.compaction.lag.ms'
  | 'max.message.bytes'
  | 'message.timestamp.after.max.ms'
  | 'message.timestamp.before.max.ms'
  | 'message.timestamp.type'
  | 'min.cleanable.dirty.ratio'
  | 'min.compaction.lag.ms'
  | 'min.insync.replicas'
  | 'retention.bytes'
  | 'retention.ms'
  | 'segment.bytes'
  | 'segment.ms';

export type ConfigSource = 'DYNAMIC_TOPIC_CONFIG' | 'DEFAULT_CONFIG';

export interface TopicConfigEntry {
  readonly name: TopicConfigName;
  readonly value: string;
  readonly source: ConfigSource;
  readonly isDefault: boolean;
  readonly documentation: string;
  /** What would apply, strongest first. */
  readonly synonyms: readonly {
    readonly name: string;
    readonly value: string;
    readonly source: ConfigSource;
  }[];
}

interface Definition {
  readonly default: string;
  readonly documentation: string;
  /** Undefined if the value is good, else what is wrong with it. */
  readonly check: (value: string) => string | undefined;
}

const DAY_MS = 86_400_000;
const HOT_RETENTION_MS = { min: LIMITS.hotRetentionMsMin, max: 365 * DAY_MS } as const;
/** Kafka's word for "whatever the other config says". */
const AS_OTHERWISE = -2;
const INT_MAX = 2 ** 31 - 1;

const integer =
  (range: { readonly min: number; readonly max?: number }) =>
  (value: string): string | undefined => {
    if (!/^-?\d{1,19}$/.test(value)) return `'${value}' is not a whole number`;
    // Kafka's longs reach past 2^53, where only "very large" matters and a rounded value compares the same.
    const parsed = Number(value);
    const max = range.max ?? 2 ** 63;
    return parsed < range.min || parsed > max
      ? `${value} is outside ${range.min} to ${range.max ?? 'the largest long'}`
      : undefined;
  };

const decimal =
  (range: { readonly min: number; readonly max: number }) =>
  (value: string): string | undefined => {
    const parsed = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
    return parsed >= range.min && parsed <= range.max
      ? undefined
      : `'${value}' is not a number from ${range.min} to ${range.max}`;
  };

const oneOf =
  (...allowed: readonly string[]) =>
  (value: string): string | undefined =>
    allowed.includes(value) ? undefined : `'${value}' is none of ${allowed.join(', ')}`;

const cleanupPolicy = (value: string): string | undefined => {
  const parts = value.split(',').map((part) => part.trim());
  const good =
    parts.every((part) => part === 'delete' || part === 'compact') && new Set(parts).size === parts.length;
  return good ? undefined : `'${value}' is none of delete, compact, or both with a comma`;
};

const DEFINITIONS: Readonly<Record<TopicConfigName, Definition>> = {
  'cleanup.policy': {
    default: 'delete',
    documentation:
      'delete: old segments are dropped; compact: the newest record of every key is kept; or both.',
    check: cleanupPolicy,
  },
  'compression.type': {
    default: 'producer',
    documentation: 'The codec batches are stored with; producer keeps what was sent.',
    check: oneOf('producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
  },
  'delete.retention.ms': {
    default: String(DAY_MS),
    documentation: 'How long a compacted topic keeps tombstones.',
    check: integer({ min: 0 }),
  },
  'hot.inline.max.bytes': {
    default: '-1',
    documentation: "The largest chunk stored inline; -1 leaves it to the storage adapter's break-even.",
    check: integer({ min: -1, max: LIMITS.inlineBytesMax }),
  },
  'hot.retention.ms': {
    default: String(LIMITS.hotRetentionMsDefault),
    documentation: 'How long chunks stay in the hot table; sealing happens long before.',
    check: integer(HOT_RETENTION_MS),
  },
  'local.retention.bytes': {
    default: String(AS_OTHERWISE),
    documentation: 'Accepted for compatibility: time alone limits what stays in the hot table.',
    check: integer({ min: AS_OTHERWISE }),
  },
  'local.retention.ms': {
    default: String(AS_OTHERWISE),
    documentation:
      "Kafka's name for hot.retention.ms, where that is not set: at least 1 day and at most 365 days count; -2 leaves it at the default.",
    check: integer({ min: AS_OTHERWISE }),
  },
  'max.compaction.lag.ms': {
    default: '9223372036854775807',
    documentation: 'A record is compacted at the latest after this time.',
    check: integer({ min: 1 }),
  },
  'max.message.bytes': {
    default: String(LIMITS.batchBytesDefault),
    documentation: 'The largest record batch, after compression.',
    check: integer({ min: 0, max: LIMITS.batchBytesMax }),
  },
  'message.timestamp.after.max.ms': {
    default: '3600000',
    documentation: "How far a record's timestamp may lie in the future.",
    check: integer({ min: 0 }),
  },
  'message.timestamp.before.max.ms': {
    default: '9223372036854775807',
    documentation: "How far a record's timestamp may lie in the past.",
    check: integer({ min: 0 }),
  },
  'message.timestamp.type': {
    default: 'CreateTime',
    documentation: 'CreateTime: the producer stamps records; LogAppendTime: the log does.',
    check: oneOf('CreateTime', 'LogAppendTime'),
  },
  'min.cleanable.dirty.ratio': {
    default: '0.5',
    documentation: 'The share of uncompacted bytes at which a log is compacted.',
    check: decimal({ min: 0, max: 1 }),
  },
  'min.compaction.lag.ms': {
    default: '0',
    documentation: 'A record stays uncompacted at least this long.',
    check: integer({ min: 0 }),
  },
  'min.insync.replicas': {
    default: '1',
    documentation: 'Accepted for compatibility; every acknowledged write is durable in three zones.',
    check: integer({ min: 1, max: INT_MAX }),
  },
  'retention.bytes': {
    default: '-1',
    documentation: 'The size a partition may reach before its oldest segments are dropped; -1 is no limit.',
    check: integer({ min: -1 }),
  },
  'retention.ms': {
    default: String(7 * DAY_MS),
    documentation: 'How long records are kept; -1 is for ever.',
    check: integer({ min: -1 }),
  },
  'segment.bytes': {
    default: String(LIMITS.segmentBytesDefault),
    documentation: 'The unsealed bytes at which a segment is sealed.',
    check: integer({ min: 14, max: LIMITS.segmentBytesMax }),
  },
  'segment.ms': {
    default: String(DAY_MS),
    documentation:
      'The age at which unsealed chunks are sealed whatever their size; at most a seventh of hot.retention.ms counts.',
    check: integer({ min: 1 }),
  },
};

const NAMES = Object.keys(DEFINITIONS).sort() as TopicConfigName[];

export type TopicConfigs = Readonly<Partial<Record<TopicConfigName, string>>>;

export function isTopicConfigName(name: string): name is TopicConfigName {
  return Object.hasOwn(DEFINITIONS, name);
}

/** The value in force: what the topic sets, else the default. */
export function configValue(configs: TopicConfigs, name: TopicConfigName): string {
  const set = configs[name];
  if (set !== undefined) return set;
  const local = name === 'hot.retention.ms' ? localRetention(configs) : undefined;
  return local ?? DEFINITIONS[name].default;
}

/**
 * The hot table is what a tiered Kafka calls local (KIP-405), so its config counts here too, within our bounds. Undefined
 * if it says nothing.
 */
function localRetention(configs: TopicConfigs): string | undefined {
  const localMs = Number(configs['local.retention.ms'] ?? AS_OTHERWISE);
  if (localMs === AS_OTHERWISE) return undefined;
  const { min, max } = HOT_RETENTION_MS;
  return String(localMs < 0 ? max : Math.min(max, Math.max(min, localMs)));
}

/** A numeric config. Longs past 2^53 (Kafka's "for ever") come back rounded, which compares the same. */
export function configNumber(configs: TopicConfigs, name: TopicConfigName): number {
  return Number(configValue(configs, name));
}

/** Whether old records are dropped: by time, by size and on request. */
export function isDeleted(configs: TopicConfigs): boolean {
  return cleanupPolicies(configs).includes('delete');
}

/** Whether only the newest record of every key is kept. */
export function isCompacted(configs: TopicConfigs): boolean {
  return cleanupPolicies(configs).includes('compact');
}

function cleanupPolicies(configs: TopicConfigs): readonly string[] {
  return configValue(configs, 'cleanup.policy')
    .split(',')
    .map((policy) => policy.trim());
}

/** Throws INVALID_CONFIG for an unknown name. */
export function checkConfigName(name: string): asserts name is TopicConfigName {
  if (!isTopicConfigName(name))
    throw new MillraceError('INVALID_CONFIG', `Unknown topic config name: ${name}`);
}

/** Throws INVALID_CONFIG for an unknown name or a value out of range. */
export function checkConfig(name: string, value: string): void {
  if (!isTopicConfigName(name))
    throw new MillraceError('INVALID_CONFIG', `Unknown topic config name: ${name}`);
  const problem = DEFINITIONS[name].check(value);
  if (problem !== undefined) {
    throw new MillraceError('INVALID_CONFIG', `Invalid value for configuration ${name}: ${problem}`);
  }
}

/** Checks a whole set and types it. */
export function parseConfigs(configs: Readonly<Record<string, string>>): TopicConfigs {
  for (const [name, value] of Object.entries(configs)) checkConfig(name, value);
  return { ...configs };
}

/** Every config with its value, source and synonyms, sorted by name. */
export function describeConfigs(configs: TopicConfigs): TopicConfigEntry[] {
  return NAMES.map((name) => {
    const set = configs[name];
    const byDefault = { name, value: DEFINITIONS[name].default, source: 'DEFAULT_CONFIG' } as const;
    return {
      name,
      value: configValue(configs, name),
      source: set === undefined ? 'DEFAULT_CONFIG' : 'DYNAMIC_TOPIC_CONFIG',
      isDefault: set === undefined,
      documentation: DEFINITIONS[name].documentation,
      synonyms:
        set === undefined ? [byDefault] : [{ name, value: set, source: 'DYNAMIC_TOPIC_CONFIG' }, byDefault],
    };
  });
}
