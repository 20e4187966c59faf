import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = join(import.meta.dirname, '../../ops/bridge.ts');

export interface BridgeRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs `npm run bridge` without npm, which would not pass a kill on. `killAfterMs` counts from the first records that it has copied. */
export async function runBridge(args: readonly string[], killAfterMs?: number): Promise<BridgeRun> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const read = (bytes: Buffer): void => {
    output += bytes.toString();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  if (killAfterMs !== undefined) void kill(child, killAfterMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, output };
}

/** Goes by what is said of records that were copied. */
const COPIED = / [1-9][\d,]* records/;

async function kill(
  child: ChildProcess & { readonly stderr: NodeJS.ReadableStream },
  afterMs: number,
): Promise<void> {
  const copied = new Promise<void>((resolve) => {
    child.stderr.on('data', (bytes: Buffer) => {
      if (COPIED.test(bytes.toString())) resolve();
    });
  });
  await Promise.race([copied, once(child, 'close')]);
  await sleep(afterMs);
  child.kill('SIGKILL');
}

/** Kills it again and again after ever longer times; answers how many died, and the one that came to its end. */
export async function runKilled(
  args: readonly string[],
  killsAfterMs: readonly number[],
): Promise<{ deaths: number; last: BridgeRun }> {
  let deaths = 0;
  for (const afterMs of killsAfterMs) {
    const run = await runBridge(args, afterMs);
    if (run.signal !== 'SIGKILL') return { deaths, last: run };
    deaths += 1;
  }
  return { deaths, last: await runBridge(args) };
}
