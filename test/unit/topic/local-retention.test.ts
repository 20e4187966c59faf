import { describe, expect, it } from 'vitest';
import { checkConfig, configNumber, describeConfigs } from '../../../lib/topic/configs.ts';

const DAY_MS = 86_400_000;

describe('local.retention.ms', () => {
  it.each([
    [undefined, 7 * DAY_MS],
    ['-2', 7 * DAY_MS],
    [String(3 * DAY_MS), 3 * DAY_MS],
    ['60000', DAY_MS],
    ['-1', 365 * DAY_MS],
    ['9223372036854775807', 365 * DAY_MS],
  ])('%s keeps chunks hot for %d ms', (local, ms) => {
    const configs = local === undefined ? {} : { 'local.retention.ms': local };
    expect(configNumber(configs, 'hot.retention.ms')).toBe(ms);
    const described = describeConfigs(configs).find(({ name }) => name === 'hot.retention.ms');
    expect(described).toMatchObject({ value: String(ms) });
  });

  it('gives way to hot.retention.ms', () => {
    const configs = { 'hot.retention.ms': String(2 * DAY_MS), 'local.retention.ms': String(3 * DAY_MS) };
    expect(configNumber(configs, 'hot.retention.ms')).toBe(2 * DAY_MS);
  });

  it.each(['local.retention.ms', 'local.retention.bytes'])('%s takes what Kafka takes', (name) => {
    for (const value of ['-2', '-1', '0', '9223372036854775807']) checkConfig(name, value);
    for (const value of ['-3', '1.5', 'x', '']) {
      expect(() => checkConfig(name, value)).toThrow(`Invalid value for configuration ${name}`);
    }
  });
});
