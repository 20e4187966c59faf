import {
  bootstrapEmulator,
  deployAllToEmulator,
  type Emulator,
  emulatorApiUrl,
} from '../../../infra/emulator.ts';
import { type AwsApi, awsApi } from './aws-api.ts';
import { type Deployed, ROOT, type Stack } from './deployed.ts';
import { type Client, httpClient, sigV4 } from './http-client.ts';
import { type LogClient, logClient } from './log-client.ts';

export interface DeployedRegion extends Stack {
  readonly alias: string;
  readonly http: Client;
  readonly log: LogClient;
  readonly aws: AwsApi;
  readonly replicatorName: string;
  /** No schedule of this region's stack calls anything any more. */
  readonly disableSchedules: () => Promise<void>;
}

const REGIONS = [
  { alias: 'us', region: 'us-east-1', stackName: 'MillraceUs', number: 0 },
  { alias: 'eu', region: 'eu-central-1', stackName: 'MillraceEu', number: 1 },
] as const;
const FLOWS = [
  { source: 'us', target: 'eu' },
  { source: 'eu', target: 'us' },
];

/** Two regions that copy everything from each other, by one `cdk deploy --all`. */
export async function deployTwoRegions({
  endpoint,
  caFile,
  ca,
}: Pick<Deployed, 'endpoint' | 'caFile' | 'ca'>): Promise<{
  readonly us: DeployedRegion;
  readonly eu: DeployedRegion;
}> {
  const emulator: Emulator = {
    endpoint,
    region: REGIONS[0].region,
    ...ROOT,
    environment: { NODE_EXTRA_CA_CERTS: caFile, AWS_CA_BUNDLE: caFile },
  };
  const onLine = (): void => undefined;
  await bootstrapEmulator(
    emulator,
    onLine,
    REGIONS.map(({ region }) => region),
  );
  const regions = JSON.stringify({ regions: REGIONS, flows: FLOWS });
  const outputs = await deployAllToEmulator(emulator, { context: { regions }, onLine });
  const opened = (index: 0 | 1): DeployedRegion => {
    const { alias, region, stackName } = REGIONS[index];
    const own = outputs[stackName] ?? {};
    const url = emulatorApiUrl(endpoint, own.ApiId ?? '');
    const http = httpClient({ url, ca, authorize: sigV4(ROOT, { region }) });
    return {
      alias,
      outputs: own,
      url,
      http,
      log: logClient(http),
      aws: awsApi({ endpoint, ca, credentials: ROOT, region }),
      replicatorName: own.ReplicatorFunctionName ?? '',
      disableSchedules: () => disableRules({ endpoint, ca, region, stackName }),
    };
  };
  return { us: opened(0), eu: opened(1) };
}

async function disableRules({
  endpoint,
  ca,
  region,
  stackName,
}: Pick<Deployed, 'endpoint' | 'ca'> & {
  readonly region: string;
  readonly stackName: string;
}): Promise<void> {
  const events = httpClient({ url: endpoint, ca, authorize: sigV4(ROOT, { service: 'events', region }) });
  const call = async (action: string, body: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSEvents.${action}` };
    const response = await events({ method: 'POST', path: '/', headers, body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(`${action}: ${response.status} ${response.body}`);
    return response.body.length === 0 ? {} : response.json();
  };
  const { Rules: rules } = (await call('ListRules', { NamePrefix: `${stackName}-` })) as {
    readonly Rules: readonly { readonly Name: string }[];
  };
  for (const { Name } of rules) await call('DisableRule', { Name });
}
