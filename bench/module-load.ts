import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { BUNDLE_ENTRY, type BundleSize, bundle } from '../infra/bundle.ts';

/** What Lambda has to load before the first request, against the least that a function on this storage could do. */
export interface ModuleLoad {
  readonly name: string;
  readonly size: BundleSize;
  /** Of CPU, the median over fresh processes. */
  readonly loadMs: number;
  /** `loadMs` against that of a bare function with the same two SDK clients, bundled alike and measured in turns with it. */
  readonly ratioToBare: number;
}

export const FUNCTION_NAMES = [
  'produce',
  'fetch',
  'groups',
  'admin',
  'planner',
  'worker',
  'sweeper',
  'pusher',
  'replicator',
  'waker',
  'translator',
] as const;

/** What the pusher is told to do. */
const PUSHED = {
  group: 'g',
  topics: ['t'],
  functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
};

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The bare function: both clients are made, and the commands that the engine sends are within reach. */
const BARE = `
import { DeleteItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
const dynamo = new DynamoDBClient({});
const s3 = new S3Client({});
const commands = {
  DeleteItemCommand, GetItemCommand, PutItemCommand, QueryCommand,
  DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand,
};
export const handler = async (event) => {
  const command = new commands[event.command](event.input);
  return event.to === 's3' ? s3.send(command) : dynamo.send(command);
};
`;

/** Bundles one of our functions as the stack does. */
export function bundleFunction(name: (typeof FUNCTION_NAMES)[number], outdir: string): BundleSize {
  return bundle(join(ROOT, 'functions', `${name}.ts`), outdir);
}

/** Loads every function and the bare one `rounds` times each, in turns, each time in a new process. */
export async function measureModuleLoad({
  rounds = 11,
}: {
  readonly rounds?: number;
} = {}): Promise<readonly ModuleLoad[]> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-load-'));
  try {
    const bareEntry = join(folder, 'bare-entry.mjs');
    await writeFile(bareEntry, BARE);
    const bundles: Bundle[] = [bundled('bare', folder, (outdir) => bundle(bareEntry, outdir))];
    for (const name of FUNCTION_NAMES) {
      bundles.push(bundled(name, folder, (outdir) => bundleFunction(name, outdir)));
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const bundle of bundles) bundle.loadsMs.push(await loadMs(bundle.file));
    }
    const [bare, ...functions] = bundles;
    const bareMs = median(bare?.loadsMs ?? []);
    return functions.map(({ name, size, loadsMs }) => ({
      name,
      size,
      loadMs: median(loadsMs),
      ratioToBare: median(loadsMs) / bareMs,
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bundle {
  readonly name: string;
  readonly file: string;
  readonly size: BundleSize;
  readonly loadsMs: number[];
}

function bundled(name: string, folder: string, make: (outdir: string) => BundleSize): Bundle {
  const outdir = join(folder, name);
  return { name, file: join(outdir, BUNDLE_ENTRY), size: make(outdir), loadsMs: [] };
}

const run = promisify(execFile);

async function loadMs(file: string): Promise<number> {
  const script = `const before = process.cpuUsage(); const m = await import(${JSON.stringify(pathToFileURL(file).href)});
    const { user, system } = process.cpuUsage(before);
    if (typeof m.handler !== 'function') throw new Error('no handler'); console.log((user + system) / 1_000);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    env: {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_LAMBDA_FUNCTION_NAME: 'module-load',
      MILLRACE_HOT_TABLE: 'hot',
      MILLRACE_CATALOG_TABLE: 'catalog',
      MILLRACE_BUCKET: 'bucket',
      MILLRACE_TASK_QUEUE_URL: 'https://queue.invalid/tasks',
      MILLRACE_PUSH: JSON.stringify([PUSHED]),
      MILLRACE_PUSH_DEAD_LETTERS_URL: 'https://sqs.us-east-1.amazonaws.com/123456789012/letters',
      MILLRACE_REGION: 'us-east-1',
      MILLRACE_REGION_NUMBER: '0',
      MILLRACE_WAKES: JSON.stringify({ source: 'us-east-1', targets: [] }),
    },
  });
  return Number(stdout.trim());
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
