import { defineConfig, type ViteUserConfig } from 'vitest/config';

const project = (name: string, testTimeoutMs: number, sequential = false): object => ({
  extends: true,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    ...(sequential ? { fileParallelism: false } : {}),
  },
});

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project('unit', 20_000),
      project('contract', 30_000),
      project('simulation', 120_000),
      project('local', 60_000, true),
      project('interop', 300_000, true),
      project('deployed', 300_000, true),
    ],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default config;
