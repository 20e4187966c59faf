import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../lib/local/settings.ts';

describe('the settings of the local node', () => {
  it('have defaults, which empty variables leave alone', () => {
    const settings = { host: '127.0.0.1', port: 8082, dataDir: '.millrace' };
    expect(readSettings({})).toEqual({ settings, regions: [] });
    expect(readSettings({ MILLRACE_HOST: '', MILLRACE_HTTP_PORT: '', MILLRACE_DATA_DIR: '' })).toEqual({
      settings,
      regions: [],
    });
  });

  it('are taken from the environment', () => {
    expect(
      readSettings({
        MILLRACE_HOST: '::1',
        MILLRACE_HTTP_PORT: '0',
        MILLRACE_DATA_DIR: '/var/lib/x',
        MILLRACE_CONSUMER_DIALECT: 'strimzi',
        MILLRACE_REGIONS: 'us-east-1,eu-west-1',
        PATH: '/bin',
      }),
    ).toEqual({
      settings: { host: '::1', port: 0, dataDir: '/var/lib/x', dialect: 'strimzi' },
      regions: ['us-east-1', 'eu-west-1'],
    });
  });

  it.each(['-1', '65536', '80 ', '0x50', '8e3', 'http', '99999999999'])('port %j is a problem', (port) => {
    expect(readSettings({ MILLRACE_HTTP_PORT: port })).toEqual({
      problems: [`MILLRACE_HTTP_PORT must be a number from 0 to 65535, not '${port}'`],
    });
  });

  it.each(['http://localhost', 'a b', 'localhost:8082', 'x'.repeat(300)])('host %j is a problem', (host) => {
    expect(readSettings({ MILLRACE_HOST: host })).toEqual({
      problems: [`MILLRACE_HOST must be a host name or an address, not '${host}'`],
    });
  });

  it.each(['alone', 'a,a', 'a,b/c', 'a, b', 'a,b,c,d,e,f,g,h,i'])('regions %j are a problem', (regions) => {
    expect(readSettings({ MILLRACE_REGIONS: regions })).toHaveProperty('problems.length', 1);
  });

  it('tells all problems at once', () => {
    const read = readSettings({
      MILLRACE_HOST: '?',
      MILLRACE_HTTP_PORT: '?',
      MILLRACE_CONSUMER_DIALECT: 'karapace',
    });
    expect('problems' in read && read.problems).toHaveLength(3);
  });
});
