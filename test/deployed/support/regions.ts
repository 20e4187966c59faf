import { access, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  bootstrapEmulator,
  deployStacksToEmulator,
  type Emulator,
  emulatorApiUrl,
  type StackOutputs,
} from '../../../infra/emulator.ts';
import { type AwsApi, awsApi } from './aws-api.ts';
import { type Deployed, ROOT, type Stack } from './deployed.ts';
import { type Client, type Credentials, httpClient, sigV4 } from './http-client.ts';
import { type LogClient, logClient } from './log-client.ts';
import { type RegionApi, regionApi } from './region-api.ts';

export interface RegionSettings {
  readonly alias: string;
  /** Of AWS. */
  readonly region: string;
  readonly stackName: string;
  readonly number: number;
  readonly account?: string;
}

export interface DeployedRegion extends Stack {
  readonly alias: string;
  /** Of AWS. */
  readonly region: string;
  readonly http: Client;
  readonly log: LogClient;
  readonly api: RegionApi;
  readonly aws: AwsApi;
  readonly replicatorName: string;
  /** Role under which the others read this region. */
  readonly sourceRoleName: string;
  /** Calls the replicator as its schedule does; what became of each flow, by its source. */
  readonly replicate: () => Promise<unknown>;
}

export type RegionAlias = 'us' | 'eu' | 'ap';
export type DeployedRegions = Readonly<Record<RegionAlias, DeployedRegion>>;

const REGIONS: readonly RegionSettings[] = [
  { alias: 'us', region: 'us-east-1', stackName: 'MillraceUs', number: 0 },
  { alias: 'eu', region: 'eu-central-1', stackName: 'MillraceEu', number: 1 },
  { alias: 'ap', region: 'ap-south-1', stackName: 'MillraceAp', number: 2 },
];
/** Whoever comes first deploys all of them, perhaps on a machine that has other work. */
export const DEPLOY_MS = 600_000;

/** What the flows that are declared are like; a process of the replicator makes one of them wherever it is missing. */
export const DECLARED_FLOW = { policy: 'prefixed', topics: ['.*'] } as const;
const DECLARED_FLOWS = [
  { source: 'us', target: 'eu' },
  { source: 'eu', target: 'us' },
];

/**
 * Three regions, of which the first two copy everything from each other. They are deployed by the first file that asks, and
 * stay for the others until the emulator ends.
 */
export async function deployRegions(deployed: Deployed): Promise<DeployedRegions> {
  const told = join(dirname(dirname(deployed.caFile)), 'regions.json');
  const isThere = await access(told).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const context = { regions: JSON.stringify({ regions: REGIONS, flows: DECLARED_FLOWS }) };
    await writeFile(told, JSON.stringify(await deployStacks(deployed, REGIONS, context)));
  }
  const outputs = JSON.parse(await readFile(told, 'utf8')) as Record<string, StackOutputs>;
  const opened = REGIONS.map(
    (settings) => [settings.alias, openRegion(deployed, settings, outputs)] as const,
  );
  return Object.fromEntries(opened) as DeployedRegions;
}

/** Deploys stacks of one account by one command, and answers their outputs by their names. */
export async function deployStacks(
  { endpoint, caFile }: Pick<Deployed, 'endpoint' | 'caFile'>,
  stacks: readonly RegionSettings[],
  context: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, StackOutputs>>> {
  const [first] = stacks;
  if (first === undefined) return {};
  const emulator: Emulator = {
    endpoint,
    region: first.region,
    ...credentialsOf(first),
    ...(first.account === undefined ? {} : { account: first.account }),
    environment: { NODE_EXTRA_CA_CERTS: caFile, AWS_CA_BUNDLE: caFile },
  };
  const onLine = (): void => undefined;
  await bootstrapEmulator(
    emulator,
    onLine,
    stacks.map(({ region }) => region),
  );
  // The stack with number 0 has the id that it has alone.
  const ids = stacks.map(({ stackName, alias, number }) =>
    number === 0 ? stackName : `${stackName}-${alias}`,
  );
  return deployStacksToEmulator(emulator, ids, { context, onLine });
}

export function openRegion(
  { endpoint, ca }: Pick<Deployed, 'endpoint' | 'ca'>,
  settings: RegionSettings,
  outputs: Readonly<Record<string, StackOutputs>>,
): DeployedRegion {
  const { alias, region, stackName } = settings;
  const own = outputs[stackName] ?? {};
  const credentials = credentialsOf(settings);
  const url = emulatorApiUrl(endpoint, own.ApiId ?? '');
  const http = httpClient({ url, ca, authorize: sigV4(credentials, { region }) });
  const aws = awsApi({ endpoint, ca, credentials, region });
  const replicatorName = own.ReplicatorFunctionName ?? '';
  return {
    alias,
    region,
    outputs: own,
    url,
    http,
    log: logClient(http),
    api: regionApi(http),
    aws,
    replicatorName,
    sourceRoleName: `${stackName}-source-${alias}`,
    replicate: () => aws.invoke(replicatorName, {}),
  };
}

/** The emulator takes an account's number for its root key. */
function credentialsOf({ account }: RegionSettings): Credentials {
  return account === undefined ? ROOT : { ...ROOT, accessKeyId: account };
}
