import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../demo/regions.ts', import.meta.url));
const run = promisify(execFile);

describe('the demo of two regions', () => {
  it('proves that nothing is lost, repeated or changed while a region dies and comes back', async () => {
    const { stdout } = await run(process.execPath, [MAIN], { timeout: 120_000 });
    expect(stdout).toContain('PROVED: all 36,450 orders are in both regions');
    expect(stdout.match(/a producer is told REGION_FROZEN/g)).toHaveLength(2);
    expect(stdout).toContain('every copy ends where its source does: yes');
  }, 130_000);
});
