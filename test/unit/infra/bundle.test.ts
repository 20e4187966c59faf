import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunction, FUNCTION_NAMES } from '../../../bench/module-load.ts';

const BUNDLE_BYTES_MAX = 1_000_000;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('function bundles', () => {
  it.each(FUNCTION_NAMES)('%s is at most 1 MB, the AWS SDK included', (name) => {
    const { loadedBytes, totalBytes } = bundleFunction(name, join(folder, name));
    expect(loadedBytes).toBeGreaterThan(100_000);
    expect(totalBytes).toBeGreaterThan(loadedBytes);
    expect(totalBytes).toBeLessThanOrEqual(BUNDLE_BYTES_MAX);
  });
});
