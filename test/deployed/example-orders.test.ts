import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const EXAMPLE = join(import.meta.dirname, '../../examples/orders/main.ts');

it('the example proves what it says, with its shops and projections killed in the middle of their work', async () => {
  const flags = ['--dynamodb-local', '--orders', '25', '--kills', '4'];
  const { stdout } = await run(process.execPath, [EXAMPLE, ...flags], { timeout: 240_000 });
  expect(stdout).toMatch(/killed {7}2 times a shop, 2 times a projection/);
  const [, ordered] = /orders {7}50 in their table, (.*) in all/.exec(stdout) ?? [];
  expect(stdout).toContain(`50 events counted, ${ordered} in all`);
  expect(stdout).toMatch(/^PROVED:/m);
});
