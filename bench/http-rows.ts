import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { requestsPerSecond } from './http-load.ts';
import { median, type Row } from './row.ts';

const RUNS = 5;
const LOAD = { connectionCount: 32, ms: 3_000 };
const WARM_UP = { connectionCount: 32, ms: 1_500 };
const PRODUCE = {
  path: '/topics/bench',
  contentType: 'application/vnd.kafka.json.v2+json',
  body: JSON.stringify({ records: [{ key: 'k', value: { order: 42, item: 'mill', total: 12.5 } }] }),
};

/** Durable produce of one small record over HTTP, against a server that only parses and answers. */
export async function httpRow(): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-http-'));
  const ours = await start('../lib/local/main.ts', { MILLRACE_HTTP_PORT: '0', MILLRACE_DATA_DIR: folder });
  const bare = await start('./bare-server.ts', {});
  try {
    await createTopic(ours.url);
    for (const { url } of [ours, bare]) await requestsPerSecond(url, PRODUCE, WARM_UP);
    const ratios: number[] = [];
    const rates: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const reference = await requestsPerSecond(bare.url, PRODUCE, LOAD);
      const rate = await requestsPerSecond(ours.url, PRODUCE, LOAD);
      rates.push(rate);
      ratios.push(rate / reference);
    }
    const ratio = median(ratios);
    return {
      what: 'HTTP produce of one small JSON record, 32 connections, durable',
      bar: '>= 0.30 x bare node:http, median of 5',
      measured: `${ratio.toFixed(2)} x (${Math.round(median(rates))}/s)`,
      isMet: ratio >= 0.3,
    };
  } finally {
    for (const { child } of [ours, bare]) child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function createTopic(url: URL): Promise<void> {
  const clusters = (await (await fetch(new URL('/v3/clusters', url))).json()) as {
    data: { cluster_id: string }[];
  };
  const cluster = clusters.data[0]?.cluster_id;
  const made = await fetch(new URL(`/v3/clusters/${cluster}/topics`, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ topic_name: 'bench', partitions_count: 6 }),
  });
  if (made.status !== 201)
    throw new Error(`creating the topic answered ${made.status}: ${await made.text()}`);
}

/** Runs a server as a process of its own and waits for the line that says where it listens. */
async function start(
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly url: URL }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  if (child.stdout === null) throw new TypeError('the child has no standard output');
  for await (const line of createInterface(child.stdout)) {
    const url = / ready .*?(http:\/\/[^\s/]+)/.exec(line)?.[1];
    if (url !== undefined) return { child, url: new URL(url) };
  }
  throw new Error(`${script} ended before it was ready`);
}
