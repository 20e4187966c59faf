import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a LocalStack-compatible emulator listens, and who we are there. */
export interface Emulator {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** @default - the one that LocalStack and MiniStack give to callers with the key `test` */
  readonly account?: string;
  /** More variables for the CDK processes, for example NODE_EXTRA_CA_CERTS for an endpoint with its own certificate. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface DeployOptions {
  readonly stackName: string;
  /** As in `cdk -c name=value`. */
  readonly context?: Readonly<Record<string, string>>;
  /** Each line that CDK prints. */
  readonly onLine: (line: string) => void;
}

/** The stack's outputs: ApiUrl, ApiId, HotTableName, CatalogTableName, BucketName, …FunctionName. */
export type StackOutputs = Readonly<Record<string, string>>;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CDK = join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk');

/** Prepares regions of the emulator's account for CDK; needed once, harmless when repeated. */
export async function bootstrapEmulator(
  emulator: Emulator,
  onLine: (line: string) => void,
  regions: readonly string[] = [emulator.region],
): Promise<void> {
  const places = regions.map((region) => `aws://${emulator.account ?? EMULATOR_ACCOUNT}/${region}`);
  await withFolder((folder) => runCdk(['bootstrap', ...places, outputOption(folder)], emulator, onLine));
}

/** Deploys the stack as it would be deployed to AWS and answers its outputs. */
export async function deployToEmulator(emulator: Emulator, options: DeployOptions): Promise<StackOutputs> {
  const { stackName, context, onLine } = options;
  const outputs = await deploy(emulator, [stackName], { context: { stackName, ...context }, onLine });
  return outputs[stackName] ?? {};
}

/** Deploys stacks of the app, by the ids that `cdk ls` prints, and answers their outputs by the stacks' names. */
export function deployStacksToEmulator(
  emulator: Emulator,
  stackIds: readonly string[],
  options: Omit<DeployOptions, 'stackName'>,
): Promise<Readonly<Record<string, StackOutputs>>> {
  return deploy(emulator, [...stackIds, '--concurrency=2'], options);
}

async function deploy(
  emulator: Emulator,
  which: readonly string[],
  options: Omit<DeployOptions, 'stackName'>,
): Promise<Readonly<Record<string, StackOutputs>>> {
  return withFolder(async (folder) => {
    const outputsFile = join(folder, 'outputs.json');
    const context = { architecture: ownArchitecture(), ...options.context };
    await runCdk(
      [
        'deploy',
        ...which,
        '--require-approval=never',
        '--progress=events',
        outputOption(folder),
        `--outputs-file=${outputsFile}`,
        ...Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      emulator,
      options.onLine,
    );
    return JSON.parse(await readFile(outputsFile, 'utf8')) as Record<string, StackOutputs>;
  });
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-deploy-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each run has its own, because CDK lets only one at a time write to a folder. */
function outputOption(folder: string): string {
  return `--output=${join(folder, 'cdk.out')}`;
}

/** The API's URL in the path style that needs no DNS; LocalStack and MiniStack answer it. */
export function emulatorApiUrl(endpoint: string, apiId: string): string {
  return `${endpoint.replace(/\/$/, '')}/_aws/execute-api/${apiId}/$default`;
}

/** Whether anything accepts connections at the endpoint. */
export function listens(endpoint: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(endpoint);
  const socket = connect({ host: hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)) });
  socket.setTimeout(5_000);
  return new Promise((resolve) => {
    const answer = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => answer(true));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}

/** The one account that LocalStack and MiniStack give to callers with the key `test`. */
const EMULATOR_ACCOUNT = '000000000000';

/** Emulators run functions on this machine's processor. */
function ownArchitecture(): string {
  return process.arch === 'arm64' ? 'arm64' : 'x86_64';
}

function runCdk(args: readonly string[], emulator: Emulator, onLine: (line: string) => void): Promise<void> {
  const child = spawn(process.execPath, [CDK, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cdkEnvironment(emulator),
  });
  const lines: string[] = [];
  const take = (chunk: Buffer): void => {
    for (const line of chunk.toString('utf8').split('\n')) {
      if (line.trim() === '') continue;
      lines.push(line);
      onLine(line);
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`cdk ${args[0]} ended with ${code}:\n${lines.slice(-30).join('\n')}`));
    });
  });
}

/** Nothing of the caller's AWS settings gets through: a profile of a real account must not be deployed to. */
function cdkEnvironment(emulator: Emulator): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS_|CDK_)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: [dirname(process.execPath), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    AWS_ENDPOINT_URL: emulator.endpoint,
    AWS_ACCESS_KEY_ID: emulator.accessKeyId,
    AWS_SECRET_ACCESS_KEY: emulator.secretAccessKey,
    AWS_REGION: emulator.region,
    AWS_DEFAULT_REGION: emulator.region,
    CDK_DEFAULT_REGION: emulator.region,
    CDK_DEFAULT_ACCOUNT: emulator.account ?? EMULATOR_ACCOUNT,
    CDK_DISABLE_CLI_TELEMETRY: '1',
    ...emulator.environment,
  };
}
