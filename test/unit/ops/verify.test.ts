import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readArguments } from '../../../ops/arguments.ts';
import { withLocalLog } from './local-log.ts';

let dataDir: string;

function verify(...args: readonly string[]): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['ops/verify.ts', '--data-dir', dataDir, ...args],
    { encoding: 'utf8' },
  );
  return { status, text: stdout + stderr };
}

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'millrace-verify-'));
  const folder = dataDir;
  onTestFinished(() => rmSync(folder, { recursive: true }));
  await withLocalLog(dataDir, async ({ log, produce, seal, call }) => {
    await log.createTopic({ name: 'orders', partitionCount: 2 }, call());
    await log.createTopic({ name: 'other' }, call());
    await produce('orders', 'a');
    await seal('orders');
    await produce('orders', 'b');
  });
});

describe('npm run verify on a local store', () => {
  it('finds nothing wrong with a sound log and exits with 0', () => {
    const { status, text } = verify();
    expect(text).toContain('orders: 2 partitions, 1 segments, 1 unsealed chunks, 2 records');
    expect(text).toContain('No findings in 2 topics');
    expect(status).toBe(0);
  });

  it('names what is wrong and exits with 1', async () => {
    await withLocalLog(dataDir, async ({ storage, call }) => {
      const { objects } = await storage.bucket.list('segments/', { limit: 1 }, call());
      await storage.bucket.delete([objects[0]?.key ?? ''], call());
    });
    const { status, text } = verify('--topic', 'orders');
    expect(text).toMatch(/^object-missing {2}orders\/0 at 0: Object segments\/.* is missing$/m);
    expect(status).toBe(1);
  });

  it.each([
    [['--topic', 'nobody'], 'does not exist'],
    [['--data-dir', '/nowhere'], 'there is no Millrace store in /nowhere'],
    [['--what'], "Unknown option '--what'"],
  ])('that cannot be done says why in one line and exits with 2: %j', (args, reason) => {
    const { status, text } = verify(...args);
    expect(text).toContain(reason);
    expect(text).not.toContain('    at ');
    expect(status).toBe(2);
  });

  it('refuses a store that a node has open', async () => {
    await withLocalLog(dataDir, async () => {
      expect(verify()).toMatchObject({ status: 2, text: expect.stringContaining('millrace:') });
    });
  });
});

describe('where the log is', () => {
  it('is a data directory unless tables are named', () => {
    expect(readArguments([], {}).place).toEqual({ kind: 'local', dataDir: '.millrace' });
    expect(readArguments([], { MILLRACE_DATA_DIR: 'd' }).place).toEqual({ kind: 'local', dataDir: 'd' });
  });

  it('are tables and a bucket by their names, at an endpoint if one is given', () => {
    const environment = { MILLRACE_HOT_TABLE: 'h', MILLRACE_CATALOG_TABLE: 'c', MILLRACE_BUCKET: 'b' };
    const names = { kind: 'aws', hotTable: 'h', catalogTable: 'c', bucket: 'b' };
    expect(readArguments([], environment).place).toEqual({ ...names, region: 'us-east-1' });
    const args = ['--endpoint', 'http://127.0.0.1:4566', '--region', 'eu-west-1', '--bucket', 'other'];
    expect(readArguments(args, environment).place).toEqual({
      ...names,
      bucket: 'other',
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:4566',
    });
    expect(() => readArguments(['--bucket', 'b'], {})).toThrow('belong together');
  });
});
