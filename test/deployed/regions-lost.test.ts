import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed } from './support/deployed.ts';
import { regionCommand, type Told } from './support/region-command.ts';
import { joinGroup, positionsIn, type RegionMember } from './support/region-group.ts';
import { bringBack, cutOff, lose } from './support/region-loss.ts';
import { ends, endsIfThere, keepReplicating, writeTo } from './support/region-traffic.ts';
import { DECLARED_FLOW, DEPLOY_MS, type DeployedRegion, deployRegions } from './support/regions.ts';

const TOPIC = 'sales';
const PARTITIONS = 2;
const GROUP = 'sellers';
/** A replicator that has copied something holds its flow for 20 s more. */
const SOON = { timeout: 120_000, interval: 500 };

let us: DeployedRegion;
let eu: DeployedRegion;
const told = new Map<DeployedRegion, Acknowledged[]>();
let inUs: RegionMember;
let inEu: RegionMember;

beforeAll(async () => {
  ({ us, eu } = await deployRegions(deployed()));
  await us.api.setFlows([{ source_region: 'eu', ...DECLARED_FLOW }]);
  await eu.api.setFlows([{ source_region: 'us', ...DECLARED_FLOW }]);
  await Promise.all([us, eu].map(({ log }) => log.createTopic(TOPIC, PARTITIONS)));
}, DEPLOY_MS);
afterAll(() => bringBack(us));

/** Each batch of records has a name; values that were answered, sorted. */
async function write(region: DeployedRegion, name: string, requests = 4): Promise<readonly string[]> {
  const written = await writeTo(region, { topic: TOPIC, partitions: PARTITIONS, requests, name });
  told.set(region, [...(told.get(region) ?? []), ...written]);
  return written.map(({ value }) => value).sort();
}

/** A member of the group reads what is written in a region, and what has come from the other one. */
const join = (region: DeployedRegion, other: DeployedRegion): Promise<RegionMember> =>
  joinGroup(region, { group: GROUP, topics: [TOPIC, `${other.alias}.${TOPIC}`] });

const positions = (region: DeployedRegion): Promise<ReadonlyMap<string, number>> =>
  positionsIn(region, GROUP);

/** The same positions as the other region calls them. */
function asIn(other: DeployedRegion, here: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const own = other === us ? 'eu' : 'us';
  const named = Array.from(here, ([place, offset]): [string, number] => {
    const isCopy = place.startsWith(`${other.alias}.`);
    return [isCopy ? place.slice(other.alias.length + 1) : `${own}.${place}`, offset];
  });
  return new Map(named);
}

const copied = async (from: DeployedRegion, to: DeployedRegion): Promise<void> => {
  const there = (): Promise<readonly number[]> => endsIfThere(to, `${from.alias}.${TOPIC}`, PARTITIONS);
  await expect.poll(there, SOON).toEqual(await ends(from, TOPIC, PARTITIONS));
};

const run = (...args: readonly string[]): Promise<Told> => regionCommand(deployed(), args);

describe('a region that is lost with records that nobody has copied, and comes back', () => {
  let copiedUnread: readonly string[];
  let tail: readonly string[];

  it('before: the group has read in us, what it has read there is known in eu', async () => {
    const stop = keepReplicating([us, eu]);
    const before = [...(await write(us, 'before-')), ...(await write(eu, 'before-'))].sort();
    await Promise.all([copied(us, eu), copied(eu, us)]);
    inUs = await join(us, eu);
    expect(await inUs.consumed(before.length)).toEqual(before);
    const known = asIn(eu, await positions(us));
    expect(known.size).toBe(2 * PARTITIONS);
    await expect.poll(() => positions(eu), SOON).toEqual(known);
    copiedUnread = await write(us, 'unread-');
    await copied(us, eu);
    stop();
  });

  it('is lost: its last records are in it alone, and its API does not answer', async () => {
    const there = await ends(eu, `us.${TOPIC}`, PARTITIONS);
    await cutOff(us);
    tail = await write(us, 'tail-', 6);
    await lose(us);
    expect((await us.http({ method: 'GET', path: '/v3/clusters' })).status).toBeGreaterThanOrEqual(429);
    await expect.poll(eu.replicate, SOON).toEqual({ us: 'unreachable' });
    expect(await ends(eu, `us.${TOPIC}`, PARTITIONS)).toEqual(there);
    const { exitCode, output } = await run('fail-over', '--source', 'us', '--lost', '--to', eu.url);
    expect({ exitCode, output }).toMatchObject({ exitCode: 1 });
    expect(output).toContain('us → eu: prefixed, RUNNING, lag unknown');
    expect(output).toContain(`${TOPIC} → us.${TOPIC}: UNREACHABLE`);
  });

  it('the group goes on in eu where it had come to, with nothing lost and nothing read twice', async () => {
    inEu = await join(eu, us);
    expect(await inEu.consumed(copiedUnread.length)).toEqual(copiedUnread);
    const meanwhile = await write(eu, 'meanwhile-');
    expect(await inEu.consumed(meanwhile.length)).toEqual(meanwhile);
  });

  it('is back: it is frozen, and the group reads its last records in eu', async () => {
    await bringBack(us);
    const stop = keepReplicating([eu]);
    const told = await run('fail-over', '--source', 'us', '--from', us.url, '--to', eu.url);
    expect(told).toMatchObject({ exitCode: 0 });
    expect(told.output).toContain('All of us is in eu');
    stop();
    const late = await us.log.produce({ topic: TOPIC, partition: 0, values: ['too late'] });
    expect(late).toMatchObject({ kind: 'failed', status: 503, kafkaError: 'REGION_FROZEN' });
    expect(await inEu.consumed(tail.length)).toEqual(tail);
    await inEu.leave();
  });

  it('takes over again: what eu has taken meanwhile comes, and the group goes on without a record twice', async () => {
    expect(await run('thaw', '--url', us.url)).toMatchObject({ exitCode: 0 });
    // A member counts until it leaves, or for five minutes: only then are positions carried over.
    await inUs.leave();
    const stop = keepReplicating([us]);
    const known = asIn(us, await positions(eu));
    await expect.poll(() => positions(us), SOON).toEqual(known);
    const told = await run('fail-over', '--source', 'eu', '--from', eu.url, '--to', us.url);
    expect(told).toMatchObject({ exitCode: 0 });
    stop();
    inUs = await join(us, eu);
    const after = await write(us, 'after-');
    expect(await inUs.consumed(after.length)).toEqual(after);
    expect(await run('thaw', '--url', eu.url)).toMatchObject({ exitCode: 0 });
  });

  it('in the end both have everything, once, at its offset', async () => {
    const stop = keepReplicating([eu, us]);
    await Promise.all([copied(us, eu), copied(eu, us)]);
    stop();
    for (const [source, target] of [
      [us, eu],
      [eu, us],
    ] as const) {
      const topic = `${source.alias}.${TOPIC}`;
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const own = await source.log.readAll(TOPIC, partition);
        expect(await target.log.readAll(topic, partition)).toEqual(
          own.map((record) => ({ ...record, topic })),
        );
        const place = { topic, partition };
        const strangers = await expectStoredAsAcknowledged(target.log, place, told.get(source) ?? []);
        expect(strangers).toEqual([]);
      }
      const names = (await target.api.topicNames()).filter((name) => name.endsWith(TOPIC));
      expect(names).toEqual([TOPIC, topic].sort());
    }
  });
});
