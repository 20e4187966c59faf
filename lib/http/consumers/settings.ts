import { HttpError, unprocessable } from '../http-error.ts';
import type { NewInstanceBody } from '../schemas/consumers.ts';
import type { InstanceFormat, InstanceSettings, OffsetReset } from './instance.ts';

const FORMATS: readonly string[] = ['binary', 'json', 'text', 'avro', 'jsonschema', 'protobuf'];
const RESETS: readonly string[] = ['earliest', 'latest', 'none'];
const ISOLATIONS: readonly string[] = ['read_uncommitted', 'read_committed'];
const BYTES_MIN_MAX = 10_000_000;
const INT32_MAX = 2 ** 31 - 1;
const WAIT_MS_DEFAULT = 1_000;

const badConfig = (message: string, restCode = 42204): HttpError =>
  new HttpError({ status: 422, restCode, kafkaError: 'INVALID_CONFIG' }, message);

/** What a new instance is asked to be. 422: code 422 for the format, 42204 for a config, 40001 for one out of range. */
export function instanceSettings(body: NewInstanceBody): InstanceSettings {
  const confluentCommit = flag(body, 'auto.commit.enable');
  const strimziCommit = flag(body, 'enable.auto.commit');
  if (confluentCommit !== undefined && strimziCommit !== undefined) {
    throw badConfig('auto.commit.enable and enable.auto.commit mean the same: send one of them');
  }
  oneOf(body['isolation.level'] ?? 'read_uncommitted', ISOLATIONS, 'isolation.level');
  return {
    format: formatOf(body.format ?? 'binary'),
    dialect: strimziCommit === undefined ? 'confluent' : 'strimzi',
    autoCommit: confluentCommit ?? strimziCommit ?? true,
    reset: oneOf(body['auto.offset.reset'] ?? 'latest', RESETS, 'auto.offset.reset') as OffsetReset,
    bytesMin: number(body, 'fetch.min.bytes', { min: -1, max: BYTES_MIN_MAX }) ?? -1,
    waitMs: number(body, 'consumer.request.timeout.ms', { min: 0, max: INT32_MAX }) ?? WAIT_MS_DEFAULT,
  };
}

function formatOf(text: string): InstanceFormat {
  const format = text.toLowerCase();
  if (FORMATS.includes(format)) return format as InstanceFormat;
  throw unprocessable(`format must be one of ${FORMATS.join(', ')}`);
}

function oneOf(text: string, known: readonly string[], name: string): string {
  const value = text.toLowerCase();
  if (known.includes(value)) return value;
  throw badConfig(`${name} must be one of ${known.join(', ')}`);
}

function flag(body: NewInstanceBody, name: 'auto.commit.enable' | 'enable.auto.commit'): boolean | undefined {
  const value = body[name];
  if (value === undefined || typeof value === 'boolean') return value;
  return oneOf(value, ['true', 'false'], name) === 'true';
}

function number(
  body: NewInstanceBody,
  name: 'fetch.min.bytes' | 'consumer.request.timeout.ms',
  range: { readonly min: number; readonly max: number },
): number | undefined {
  const given = body[name];
  if (given === undefined) return undefined;
  const value = typeof given === 'string' && /^-?\d+$/.test(given) ? Number(given) : given;
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw badConfig(`${name} must be a whole number`);
  if (value >= range.min && value <= range.max) return value;
  throw badConfig(`${name} must be from ${range.min} to ${range.max}`, 40001);
}
