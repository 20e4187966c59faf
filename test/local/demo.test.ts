import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../demo/client.ts';
import { runLife } from '../../demo/life.ts';
import { startDemoNode } from '../../demo/local-node.ts';
import { readOptions, UsageError } from '../../demo/options.ts';
import { wayNamed } from '../../demo/ways.ts';
import { loadCodecs } from '../../lib/record/index.ts';
import { startForgetfulProxy, startLosingProxy, startSwappingProxy } from './demo-proxies.ts';

const MAIN = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));

/** The demo's temporary directories are made in here, so that a test sees whether they are gone. */
let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'demo-test-'));
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs it to its end; `onOutput` sees all it has said so far. */
function runDemo(
  args: readonly string[],
  options: {
    readonly environment?: Record<string, string>;
    readonly onOutput?: (all: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, TMPDIR: scratch, MILLRACE_DATA_DIR: '', ...options.environment },
  });
  let output = '';
  const take = (data: Buffer): void => {
    output += data.toString();
    options.onOutput?.(output, (signal) => child.kill(signal));
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, output }));
  });
}

const costs = (output: string, row: string): number[] =>
  (output.split('\n').find((line) => line.trim().startsWith(row)) ?? '')
    .split(/\s{2,}/)
    .filter((cell) => cell.startsWith('$'))
    .map((cell) => Number(cell.slice(1)));

describe('npm run demo', () => {
  it('proves counts and order both ways, states speed and cost, and leaves nothing behind', async () => {
    const { code, output } = await runDemo(['--records', '3000', '--batch', '200']);
    expect(output).toContain('json: topic flights,');
    expect(output).toContain('batches: topic flights-batches,');
    expect(output.match(/sent 3,000 records of 191 origins, 0\.3 MB/g)).toHaveLength(2);
    expect(output.match(/read 3,000 records of 191 origins, by partition/g)).toHaveLength(2);
    expect(output.match(/PROVED: .* each of the 191 origins came back in the order sent/g)).toHaveLength(2);
    expect(output).not.toContain('NOT PROVED');
    expect(output.match(/(in |out) [\d.]+ MB\/s, [\d,]+ records\/s/g)).toHaveLength(4);
    for (const row of ['Millrace, json', 'Millrace, batches', 'Kinesis on demand', 'MSK Serverless']) {
      const [paidIn = 0, paidOut = Number.NaN, together = 0] = costs(output, row);
      expect(paidIn, row).toBeGreaterThan(0);
      expect(together, row).toBeCloseTo(paidIn + paidOut, 4);
    }
    expect(code).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('proves the whole life: order across segments and unsealed chunks, and the newest of every key after compaction', async () => {
    const { code, output } = await runDemo(['--records', '3000', '--batch', '100', '--compact']);
    expect(output).toContain('sent 3,000 records of 1,889 routes, 0.3 MB');
    const [, segments, chunks] =
      /read 3,000 records of 1,889 routes from (\d+) segments and (\d+) unsealed chunks/.exec(output) ?? [];
    expect(Number(segments)).toBeGreaterThanOrEqual(6);
    expect(Number(chunks)).toBeGreaterThan(0);
    expect(output).toMatch(/ PROVED: .* each of the 1,889 routes came back in the order sent/);
    expect(output).toContain('read 1,889 records of 1,889 routes after compaction');
    expect(output).toContain(
      ' PROVED: each of the 1,889 routes has the newest of its flights, at the offset',
    );
    expect(output).not.toContain('NOT PROVED');
    for (const phase of ['produce', 'seal', 'read', 'seal rest', 'compact']) {
      const row = new RegExp(`^  ${phase} +[\\d.]+ .*\\$([\\d.]+)$`, 'm').exec(output);
      expect(Number(row?.[1]), phase).toBeGreaterThan(0);
    }
    expect(output).toMatch(/produced +0 +33 +33 +3,000 /);
    expect(output).toMatch(/compacted +\d+ +0 +33 +1,889 /);
    expect(code).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('says which key has lost its newest record', async () => {
    const node = await startDemoNode(join(scratch, 'running'));
    const liar = await startLosingProxy(node.url);
    try {
      const client = createClient({ url: liar.url, headers: {}, signal: new AbortController().signal });
      const startAfresh = async (): Promise<Client> => {
        await node.restart();
        liar.lieAbout(node.url);
        return client;
      };
      const way = wayNamed('json', await loadCodecs());
      const options = { wayName: 'json', way, recordCount: 3_000, recordsPerRequest: 100 } as const;
      const { orderProblems, newestProblems } = await runLife(client, { ...options, startAfresh });
      expect(orderProblems).toEqual([]);
      expect(newestProblems).toHaveLength(1);
      expect(newestProblems[0]).toContain(
        `partition 0, key ${liar.lost()}: nothing is left; the newest stood`,
      );
    } finally {
      await liar.close();
      await node.close();
    }
  });

  it('keeps a data directory that it was given, and takes another topic the next time', async () => {
    const environment = { MILLRACE_DATA_DIR: join(scratch, 'kept') };
    const args = ['--records', '500', '--via', 'json'];
    const first = await runDemo(args, { environment });
    const second = await runDemo(args, { environment });
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(first.output).toContain('json: topic flights,');
    expect(second.output).toContain('json: topic flights-2,');
    expect(readdirSync(environment.MILLRACE_DATA_DIR)).toContain('millrace.sqlite');
  });

  it('uses a node that runs already', async () => {
    const node = await startDemoNode(join(scratch, 'running'));
    try {
      const { code, output } = await runDemo(['--records', '500', '--via', 'batches', '--url', node.url]);
      expect(output).toContain(`millrace at ${node.url}\n`);
      expect(output).toContain('PROVED: ');
      expect(code).toBe(0);
    } finally {
      await node.close();
    }
  });

  it('says what differs and ends with code 1 if the records of a key come back in another order', async () => {
    const node = await startDemoNode(join(scratch, 'running'));
    const liar = await startSwappingProxy(node.url);
    try {
      const { code, output } = await runDemo(['--records', '3000', '--via', 'json', '--url', liar.url]);
      expect(output).toContain('NOT PROVED: 1 differences');
      expect(output).toMatch(
        /partition 0, key "\w{3}": \d+ records, but in another order than they were sent in/,
      );
      expect(code).toBe(1);
    } finally {
      await liar.close();
      await node.close();
    }
  });

  it('retries an answer that never came, and stores the records once', async () => {
    const node = await startDemoNode(join(scratch, 'running'));
    const forgetful = await startForgetfulProxy(node.url);
    try {
      const { code, output } = await runDemo(['--records', '3000', '--via', 'json', '--url', forgetful.url]);
      expect(output).toMatch(/in {2}.* requests, 1 of them again/);
      expect(output).toContain(' PROVED: ');
      expect(code).toBe(0);
    } finally {
      await forgetful.close();
      await node.close();
    }
  });

  it('ends on Ctrl-C with code 130 and without its data directory', async () => {
    let isSent = false;
    const { code, output } = await runDemo(['--all'], {
      onOutput: (all, kill) => {
        if (isSent || !all.includes('millrace at ')) return;
        isSent = true;
        kill('SIGINT');
      },
    });
    expect(output).toContain('interrupted');
    expect(code).toBe(130);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('says in one line that another process has the data directory', async () => {
    const MILLRACE_DATA_DIR = join(scratch, 'taken');
    const node = await startDemoNode(MILLRACE_DATA_DIR);
    try {
      const { code, output } = await runDemo(['--records', '5'], { environment: { MILLRACE_DATA_DIR } });
      expect(output).toMatch(/^demo failed: .*\n$/);
      expect(code).toBe(1);
    } finally {
      await node.close();
    }
  });

  it('answers a bad command line with its usage and code 2', async () => {
    const { code, output } = await runDemo(['--records', 'many']);
    expect(output).toContain("--records must be a whole number from 1, not 'many'");
    expect(output).toContain('usage: npm run demo');
    expect(code).toBe(2);
  });

  it('takes record batches for a whole life, unless told otherwise', () => {
    expect(readOptions(['--all'], {})).toMatchObject({
      isLife: true,
      recordCount: Number.POSITIVE_INFINITY,
      ways: ['batches'],
    });
    expect(readOptions(['--compact', '--via', 'json'], {})).toMatchObject({ isLife: true, ways: ['json'] });
    expect(readOptions([], {})).toMatchObject({ isLife: false, ways: ['json', 'batches'] });
  });

  it.each([
    '--records 0',
    '--records 1e3',
    '--batch 10001',
    '--all --records 5',
    '--via pigeon',
    '--url ftp://example.org',
    '--header nonsense',
    '--what',
    'what',
  ])('refuses %s', (line) => {
    expect(() => readOptions(line.split(' '), {})).toThrow(UsageError);
  });
});
