import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const EXAMPLE = join(import.meta.dirname, '../../examples/orders/main.ts');

it('the example proves what it says, with its shops and projections killed in the middle of their work', async () => {
  const flags = ['--dynamodb-local', '--orders', '50', '--kills', '4'];
  const { stdout } = await run(process.execPath, [EXAMPLE, ...flags], { timeout: 240_000 });
  // On a fast machine the orders may be placed before all four kills have come.
  expect(stdout).toMatch(/killed {7}(once|2 times) a shop, /);
  const [, ordered] = /orders {7}100 in their table, (.*) in all/.exec(stdout) ?? [];
  expect(stdout).toContain(`100 events counted, ${ordered} in all`);
  expect(stdout).toMatch(/^PROVED:/m);
});
