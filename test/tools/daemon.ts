import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

/**
 * Runs its arguments as a child and ends it when its own standard input closes, which happens when the test process
 * ends in whatever way; the working directory goes with it. What does not heed SIGTERM is killed with its whole process
 * group 10 s later.
 */
const GUARD = [
  'exec 3<&0',
  'directory=$PWD',
  '"$@" </dev/null 3<&- & child=$!',
  '(read -r _ <&3; : >orphaned; kill "$child"; sleep 10; kill -9 -- "-$$") 2>/dev/null & guard=$!',
  'wait "$child"; status=$?',
  'kill "$guard" 2>/dev/null',
  'if [ -e orphaned ]; then cd / && rm -rf "$directory"; fi',
  'exit "$status"',
].join('\n');

export interface Daemon {
  /** A directory of its own, removed when it stops. */
  readonly directory: string;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  readonly name: string;
  readonly command: (directory: string) => {
    readonly argv: readonly [string, ...string[]];
    readonly env: Readonly<Record<string, string>>;
  };
  /** Answers whether the server is ready; may throw while it is not. Asked again and again. */
  readonly ready: (directory: string) => Promise<boolean>;
}

/** Starts a server process that cannot outlive this one, and waits until it is ready. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { name, command, ready } = options;
  const directory = await mkdtemp(join(tmpdir(), `millrace-${name}-`));
  const { argv, env } = command(directory);
  const logPath = join(directory, 'output.txt');
  const log = await open(logPath, 'w');
  const child = spawn('/bin/sh', ['-c', GUARD, 'guard', ...argv], {
    cwd: directory,
    env,
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
  });
  await log.close();
  child.stdin?.on('error', () => undefined);
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await untilReady(child, () => ready(directory));
  } catch (error) {
    const output = await readFile(logPath, 'utf8').catch(() => '');
    await stop();
    throw new Error(`${name} did not start: ${String(error)}\n${output.slice(-4_000)}`, { cause: error });
  }
  return { directory, stop };
}

async function untilReady(child: ChildProcess, ready: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + READY_MS_MAX;
  let last: unknown = 'it never answered';
  while (performance.now() < untilMs) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the process ended');
    try {
      if (await ready()) return;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`not ready after ${READY_MS_MAX} ms`, { cause: last });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.stdin?.end();
  const waiting = new AbortController();
  await Promise.race([
    exited,
    sleep(STOP_MS_MAX, undefined, { signal: waiting.signal }).catch(() => undefined),
  ]);
  waiting.abort();
  if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
