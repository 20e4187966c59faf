import { beforeAll, describe, expect, it } from 'vitest';
import { deployed } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { ends, endsIfThere, writeTo } from './support/region-traffic.ts';
import { DEPLOY_MS, type DeployedRegion, deployStacks, openRegion } from './support/regions.ts';

const TOPIC = 'letters';
const PARTITIONS = 2;
/** Under a load of its own a first call may come back before it has copied all. */
const COPIED = { timeout: 120_000, interval: 500 };
const HOME = {
  alias: 'home',
  region: 'us-east-1',
  stackName: 'MillraceHome',
  number: 0,
  account: '000000000000',
} as const;
const ABROAD = {
  alias: 'abroad',
  region: 'eu-central-1',
  stackName: 'MillraceAbroad',
  number: 1,
  account: '111111111111',
} as const;

let home: DeployedRegion;
let abroad: DeployedRegion;

beforeAll(async () => {
  const flows = [{ source: 'abroad', target: 'home', topics: [TOPIC] }];
  const context = { regions: JSON.stringify({ regions: [HOME, ABROAD], flows }) };
  // Each account's stacks are deployed under its own credentials.
  const [atHome, there] = await Promise.all(
    [HOME, ABROAD].map((settings) => deployStacks(deployed(), [settings], context)),
  );
  home = openRegion(deployed(), HOME, atHome ?? {});
  abroad = openRegion(deployed(), ABROAD, there ?? {});
  await abroad.log.createTopic(TOPIC, PARTITIONS);
}, DEPLOY_MS);

/**
 * The emulator looks for a function in the account of who calls it, whatever its ARN says: so the wake signal, which is
 * another account's call of the replicator, is not tried here.
 */
describe('a region of another account', () => {
  it('is copied by the role that it lets the replicator take, bytes in its bucket among them', async () => {
    await writeTo(abroad, { topic: TOPIC, partitions: PARTITIONS, requests: 4 });
    const copied = async (): Promise<readonly number[]> => {
      await home.replicate();
      return endsIfThere(home, `abroad.${TOPIC}`, PARTITIONS);
    };
    await expect.poll(copied, COPIED).toEqual(await ends(abroad, TOPIC, PARTITIONS));
    const topic = `abroad.${TOPIC}`;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const own = await abroad.log.readAll(TOPIC, partition);
      expect(await home.log.readAll(topic, partition)).toEqual(own.map((record) => ({ ...record, topic })));
    }
  });

  it('lets nobody else of that account take its role', async () => {
    const roleOf = (name: string): string => `arn:aws:iam::${ABROAD.account}:role/${name}`;
    const taken = async (functionName: string): Promise<number> => {
      const credentials = await home.aws.assume(await home.aws.roleArnOf(functionName));
      const { endpoint, ca } = deployed();
      const sts = httpClient({ url: endpoint, ca, authorize: sigV4(credentials, { service: 'sts' }) });
      const response = await sts({
        method: 'POST',
        path: '/',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          Action: 'AssumeRole',
          Version: '2011-06-15',
          RoleArn: roleOf(abroad.sourceRoleName),
          RoleSessionName: 'probe',
        }).toString(),
      });
      return response.status;
    };
    expect(await taken(home.replicatorName)).toBe(200);
    expect(await taken(home.outputs.WorkerFunctionName ?? '')).toBe(403);
  });

  it('can shut the others out, which is told', async () => {
    await abroad.aws.deny(abroad.sourceRoleName);
    await expect.poll(home.replicate, COPIED).toEqual({ abroad: 'unreachable' });
    await abroad.aws.allow(abroad.sourceRoleName);
    await expect.poll(home.replicate, COPIED).toEqual({ abroad: 'idle' });
  });
});
