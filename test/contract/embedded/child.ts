import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const PROGRAM = fileURLToPath(new URL('store-child.ts', import.meta.url));

/** A new folder that is removed after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-embedded-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Child {
  readonly process: ChildProcess;
  /** What it says, line by line, to its end. */
  readonly lines: AsyncIterable<unknown>;
  /** `kill -9`, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts test/contract/embedded/store-child.ts, under a shell limit if one is given; it is killed after the test. */
export function startChild(mode: string, folder: string, options: { readonly limit?: string } = {}): Child {
  const command = [process.execPath, PROGRAM, mode, folder];
  const [program = '', ...args] =
    options.limit === undefined ? command : ['sh', '-c', `${options.limit}; exec "$@"`, 'sh', ...command];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  onTestFinished(kill);
  return { process: child, lines: parsed(child), kill };
}

async function* parsed(child: ChildProcess): AsyncGenerator<unknown> {
  if (child.stdout === null) return;
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line);
}

/** The first `count` lines. */
export async function linesOf(child: Child, count: number): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of child.lines) {
    lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}
