import type { IncomingMessage } from 'node:http';
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from '../../tools/faulty-proxy.ts';
import type { Deployed } from './deployed.ts';
import type { DeployedRegion } from './regions.ts';

export type RequestFault = (request: IncomingMessage) => ProxyFault;

/** What stands between the replicators and all of AWS, theirs and the other regions', until it is stopped. */
export interface RegionFaults {
  /** From now on this becomes of the requests that the replicator of `from` sends to `to`, which may be its own region. */
  readonly set: (from: DeployedRegion, to: DeployedRegion, fault: RequestFault) => void;
  readonly heal: () => void;
  /** How often each fault was made to the replicator of `from`. */
  readonly counts: (from: DeployedRegion) => Readonly<Record<string, number>>;
  /** The replicators find their straight way again. */
  readonly stop: () => Promise<void>;
}

/** Nothing arrives. */
export const CUT_OFF: RequestFault = () => 'reset before';

/** DynamoDB refuses a share of what it is asked. */
export const exceeded =
  (share: number): RequestFault =>
  (request) =>
    isDynamo(request) && Math.random() < share ? 'exceed' : 'none';

export async function startRegionFaults(
  { endpoint, ca }: Pick<Deployed, 'endpoint' | 'ca'>,
  regions: readonly DeployedRegion[],
): Promise<RegionFaults> {
  const faults = new Map<string, RequestFault>();
  const proxies = new Map<DeployedRegion, FaultyProxy>();
  const key = (from: DeployedRegion, awsRegion: string): string => `${from.alias} ${awsRegion}`;
  for (const from of regions) {
    const next: RequestFault = (request) => faults.get(key(from, regionOf(request)))?.(request) ?? 'none';
    const proxy = await startFaultyProxy(endpoint, next, { ca });
    proxies.set(from, proxy);
    await from.aws.setVariables(from.replicatorName, { AWS_ENDPOINT_URL: proxy.endpoint });
  }
  return {
    set: (from, to, fault) => void faults.set(key(from, to.region), fault),
    heal: () => faults.clear(),
    counts: (from) => proxies.get(from)?.counts ?? {},
    stop: async () => {
      for (const [from, proxy] of proxies) {
        await from.aws.setVariables(from.replicatorName, { AWS_ENDPOINT_URL: undefined });
        await proxy.stop();
      }
    },
  };
}

/** Of AWS: every signature names the region that it is for. */
function regionOf({ headers }: IncomingMessage): string {
  return /Credential=[^/]+\/\d+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
}

function isDynamo({ headers }: IncomingMessage): boolean {
  return String(headers['x-amz-target'] ?? '').startsWith('DynamoDB_');
}
