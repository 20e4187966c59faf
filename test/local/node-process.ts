import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../lib/local/main.ts', import.meta.url));

export interface NodeProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Everything it printed before and with its ready line. */
  readonly output: string;
  /** Sends the signal and waits until it is gone; its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface StartOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Another user, for whom mode bits count. */
  readonly uid?: number;
}

const running = new Set<ChildProcess>();
const folders: string[] = [];

/** A data directory of the test's own. */
export function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-local-'));
  folders.push(folder);
  return folder;
}

/** For `afterEach`: whatever a test left behind. */
export async function cleanUp(): Promise<void> {
  for (const child of running) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function spawnNode({ env, uid }: StartOptions): { child: ChildProcess; read: () => Omit<Ended, 'code'> } {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, MILLRACE_HTTP_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data;
  });
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data;
  });
  return { child, read: () => ({ stdout, stderr }) };
}

/** `npm start` without npm, once it is ready. */
export async function startNode(options: StartOptions): Promise<NodeProcess> {
  const { child, read } = spawnNode(options);
  while (!/^millrace ready .*\n/m.test(read().stdout)) {
    const event = await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'close')]);
    if (child.exitCode !== null) throw new Error(`it did not start: ${read().stderr} ${event}`);
  }
  const output = read().stdout;
  const url = /http:\/\/\S+/.exec(output)?.[0] ?? '';
  return {
    child,
    url,
    output,
    end: async (signal) => {
      const gone = once(child, 'exit');
      child.kill(signal);
      const [code, by] = await gone;
      return code ?? by;
    },
  };
}

/** A start that is expected to fail. */
export async function runToEnd(options: StartOptions): Promise<Ended> {
  const { child, read } = spawnNode(options);
  await once(child, 'close');
  return { code: child.exitCode, ...read() };
}

export async function createTopic(url: string, topic: string, partitions: number): Promise<void> {
  const answer = await fetch(`${url}/admin/topics`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ topic_name: topic, partitions_count: partitions }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

export interface Stored {
  readonly partition: number;
  readonly offset: number;
}

/** Produces one JSON value; where it is, or the status that refused it. */
export async function produceOne(
  url: string,
  topic: string,
  record: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Stored | { readonly status: number; readonly kafkaError: string }> {
  const answer = await fetch(`${url}/topics/${topic}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/vnd.kafka.json.v2+json', ...headers },
    body: JSON.stringify({ records: [record] }),
  });
  const body = (await answer.json()) as { offsets: Stored[]; kafka_error: string };
  const [stored] = answer.status === 200 ? body.offsets : [];
  if (stored === undefined) return { status: answer.status, kafkaError: body.kafka_error };
  return { partition: stored.partition, offset: stored.offset };
}

export interface ReadRecord extends Stored {
  readonly key: unknown;
  readonly value: unknown;
}

/** The whole partition, read page by page. */
export async function readAll(url: string, topic: string, partition: number): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for (let offset = 0; ; ) {
    const answer = await fetch(
      `${url}/topics/${topic}/partitions/${partition}/records?offset=${offset}&timeout=0`,
      {
        headers: { Accept: 'application/vnd.kafka.json.v2+json' },
      },
    );
    if (answer.status !== 200) throw new Error(await answer.text());
    const page = (await answer.json()) as ReadRecord[];
    if (page.length === 0) return records;
    records.push(...page);
    offset = Number(answer.headers.get('X-Next-Offset'));
  }
}
