import { defineConfig, type ViteUserConfig } from 'vitest/config';

const project = (name: string, testTimeoutMs: number, more: object = {}): object => ({
  extends: true,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    ...more,
  },
});

/** For tests that would slow each other down beyond their limits. */
const ONE_BY_ONE = { fileParallelism: false };

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project('unit', 20_000),
      project('contract', 30_000),
      project('simulation', 120_000),
      project('local', 60_000, ONE_BY_ONE),
      project('interop', 300_000, ONE_BY_ONE),
      project('deployed', 300_000, { ...ONE_BY_ONE, globalSetup: 'test/deployed/global-setup.ts' }),
    ],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default config;
