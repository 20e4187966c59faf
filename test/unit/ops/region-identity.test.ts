import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import type { LocalNode } from '../../../lib/local/node.ts';
import { type LocalRegions, startLocalRegions } from '../../../lib/local/regions.ts';
import { type Api, openApi } from '../../../ops/region/api.ts';
import { exportTail } from '../../../ops/region/export-tail.ts';
import { failOver } from '../../../ops/region/fail-over.ts';
import { promote } from '../../../ops/region/promote.ts';
import { type ReCreate, reCreate } from '../../../ops/region/re-create.ts';
import { changeRegion, type RegionBody } from '../../../ops/region/region-state.ts';
import { batchOf, newCall, refusal, textOf } from '../../support/log-on-memory.ts';

const clock = systemClock();
let dataDir: string;
let regions: LocalRegions;
let west: LocalNode;
let east: LocalNode;
let lines: string[];
const output = { line: (text: string) => lines.push(text), progress: () => undefined };
const waiting = { waitMs: 600_000, sleep: (ms: number) => clock.sleep(Math.min(ms, 50)) };

beforeEach(async () => {
  lines = [];
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-identity-'));
  regions = await startLocalRegions({ host: '127.0.0.1', port: 0, dataDir }, ['west', 'east']);
  [west, east] = regions.nodes as [LocalNode, LocalNode];
  for (const name of ['bills', 'orders'])
    await west.log.createTopic({ name, partitionCount: 2 }, newCall(clock));
  await produce(west, 'orders', 0, 'a', 'b');
  await produce(west, 'orders', 1, 'c');
  await east.flows.create({ source: 'west', policy: 'identity' }, newCall(clock));
  while ((await records(east, 'orders', 1).catch(() => [])).length === 0) await clock.sleep(20);
  while ((await records(east, 'orders', 0)).length < 2) await clock.sleep(20);
});
afterEach(async () => {
  await regions.close();
  await rm(dataDir, { recursive: true });
});

const api = ({ url }: LocalNode): Api => openApi(url, {});
const produce = ({ log }: LocalNode, topic: string, partition: number, ...values: string[]) =>
  log.produce({ topic, partition, batches: batchOf(...values) }, newCall(clock));

async function records({ log }: LocalNode, topic: string, partition = 0): Promise<string[]> {
  const { offset } = await log.listOffsets({ topic, partition, at: 'earliest' }, newCall(clock));
  return textOf((await log.fetch({ topic, partition, offset }, newCall(clock))).batches);
}

const between = (from: LocalNode, to: LocalNode, source: string) => ({
  ...{ source, from: api(from), to: api(to) },
  ...waiting,
});
const stateOf = async (node: LocalNode): Promise<string> =>
  (await api(node).v3<RegionBody>('GET', '/region')).state;

/** West is cut off with two records that nobody has copied, and east takes over. */
async function lost(): Promise<void> {
  await east.stopCopying();
  await produce(west, 'orders', 0, 'late', 'later');
  expect(await promote({ source: 'west', to: api(east), ...waiting }, output)).toBe(true);
}

describe('a region that stands by and takes over', () => {
  it('after everything has come over is written to, and the other one is made anew from it', async () => {
    expect(await failOver(between(west, east, 'west'), output)).toBe(true);
    expect(lines.at(-1)).toContain('producers, too, once its topics are promoted');
    await east.stopCopying();
    expect(await promote({ source: 'west', to: api(east), ...waiting }, output)).toBe(true);
    expect(lines).toContain('orders: goes on at 2, 1');
    await produce(east, 'orders', 0, 'ours');
    lines = [];
    expect(await exportTail(between(west, east, 'west'), output)).toBe(true);
    expect(lines.at(-1)).toBe('Everything that west has in 2 promoted topics is in them: nothing was copied');
    expect(await reCreate(between(east, west, 'east'), output)).toBe(true);
    expect(lines.at(-1)).toBe('west stands by for east again: 2 topics, 4 partitions');
    expect(await records(west, 'orders')).toEqual(['0:a', '1:b', '2:ours']);
    expect(await stateOf(west)).toBe('OPEN');
    expect(await refusal(produce(west, 'orders', 0, 'x'))).toBe('POLICY_VIOLATION');
    // Again, it has nothing more to do, and does not freeze what is at work.
    lines = [];
    expect(await reCreate(between(east, west, 'east'), output)).toBe(true);
    expect(lines.join('\n')).not.toContain('FROZEN');
  });

  it('keeps what had not come over beside it, and nothing is deleted before that is there', async () => {
    await lost();
    await produce(east, 'orders', 0, 'ours');
    expect(await reCreate(between(east, west, 'east'), output)).toBe(false);
    expect(lines.some((line) => line.startsWith('orders/0: offsets 2 to 3 are not at'))).toBe(true);
    expect(lines.at(-1)).toContain('Nothing was deleted: export-tail --source west');
    expect(await records(west, 'orders')).toEqual(['0:a', '1:b', '2:late', '3:later']);
    expect((await west.flows.list(newCall(clock))).length).toBe(0);

    await regions.close();
    regions = await startLocalRegions({ host: '127.0.0.1', port: 0, dataDir }, ['west', 'east']);
    [west, east] = regions.nodes as [LocalNode, LocalNode];
    const offsets = [{ topic: 'orders', partition: 0, offset: 3 }];
    await west.groups.commit({ groupId: 'billing', offsets }, newCall(clock));
    const patient = { ...between(west, east, 'west'), positionsMs: 600_000 };
    expect(await exportTail(patient, output)).toBe(true);
    expect(lines).toContain('orders/0: offsets 2 to 3 are in west.orders/0');
    expect(await east.groups.committed('billing', undefined, newCall(clock))).toMatchObject([
      { topic: 'west.orders', partition: 0, offset: 3 },
    ]);
    expect(await records(east, 'west.orders')).toEqual(['2:late', '3:later']);
    expect(await east.flows.list(newCall(clock))).toEqual([]);
    // Again, it tells the same.
    expect(await exportTail(between(west, east, 'west'), output)).toBe(true);
    expect(lines.at(-1)).toContain('2 offsets of 1 partitions');

    lines = [];
    expect(await reCreate(between(east, west, 'east'), output), lines.join('\n')).toBe(true);
    expect(await records(west, 'orders')).toEqual(['0:a', '1:b', '2:ours']);
    expect(await records(east, 'west.orders')).toEqual(['2:late', '3:later']);
  }, 60_000);

  it('is refused what makes no sense, before anything is frozen', async () => {
    await east.stopCopying();
    const nothing = 'there is nothing to make anew';
    await expect(exportTail(between(west, east, 'west'), output)).rejects.toThrow('no topic at');
    await expect(reCreate(between(east, west, 'east'), output)).rejects.toThrow(nothing);
    await expect(promote({ source: 'north', to: api(east), ...waiting }, output)).rejects.toThrow('404');
    await promote({ source: 'west', to: api(east), ...waiting }, output);
    // The regions the wrong way round: the one that has taken over is not touched.
    await expect(reCreate(between(west, east, 'west'), output)).rejects.toThrow(nothing);
    await east.flows.create({ source: 'west' }, newCall(clock));
    await expect(exportTail(between(west, east, 'west'), output)).rejects.toThrow(
      'prefixed: delete it first',
    );
    await west.flows.create({ source: 'east' }, newCall(clock));
    await expect(reCreate(between(east, west, 'east'), output)).rejects.toThrow('prefixed: delete it first');
    expect([await stateOf(west), await stateOf(east)]).toEqual(['OPEN', 'OPEN']);
  });

  it('does not delete what the other region has trimmed or never copied, unless it is told to', async () => {
    await east.stopCopying();
    await promote({ source: 'west', to: api(east), ...waiting }, output);
    await east.log.deleteRecords({ topic: 'orders', partition: 0, offset: 1 }, newCall(clock));
    const work: ReCreate = between(east, west, 'east');
    expect(await reCreate(work, output)).toBe(false);
    expect(lines).toContain(
      `orders/0: offsets 0 to 0 are not at ${east.url}: trimmed there, or never copied`,
    );
    expect(lines.at(-1)).toBe('Nothing was deleted: with --trimmed this goes, too');
    expect(await records(west, 'orders')).toEqual(['0:a', '1:b']);
    expect(await reCreate({ ...work, trimmed: true }, output)).toBe(true);
    expect(await records(west, 'orders')).toContain('1:b');
  });

  it('does not take a copy that began later for what had not come over', async () => {
    await lost();
    await regions.close();
    regions = await startLocalRegions({ host: '127.0.0.1', port: 0, dataDir }, ['west', 'east']);
    [west, east] = regions.nodes as [LocalNode, LocalNode];
    await produce(west, 'orders', 0, 'last');
    await east.flows.create({ source: 'west', topics: ['orders'], start: { offset: 4 } }, newCall(clock));
    while ((await records(east, 'west.orders').catch(() => [])).length === 0) await clock.sleep(20);
    expect(await records(east, 'west.orders')).toEqual(['4:last']);
    await east.flows.delete('west', newCall(clock));
    lines = [];
    expect(await reCreate(between(east, west, 'east'), output), lines.join('\n')).toBe(false);
    expect(lines).toContain(
      `orders/0: offsets 2 to 3 are before the beginning of west.orders at ${east.url}: trimmed there, or never copied`,
    );
    expect(await records(west, 'orders')).toEqual(['0:a', '1:b', '2:late', '3:later', '4:last']);

    lines = [];
    expect(await exportTail(between(west, east, 'west'), output), lines.join('\n')).toBe(false);
    expect(lines).toContain('orders/0: offsets 2 to 3 are not in west.orders/0, which begins behind them');
    await east.log.deleteTopic('west.orders', newCall(clock));
    expect(await exportTail(between(west, east, 'west'), output), lines.join('\n')).toBe(true);
    expect(await records(east, 'west.orders')).toEqual(['2:late', '3:later', '4:last']);
  }, 60_000);

  it('leaves topics alone that both have, if it is told to', async () => {
    await east.stopCopying();
    await promote({ source: 'west', to: api(east), ...waiting }, output);
    for (const node of [west, east]) {
      await node.log.createTopic({ name: 'local', partitionCount: 1 }, newCall(clock));
      await produce(node, 'local', 0, node.url);
    }
    const work: ReCreate = between(east, west, 'east');
    expect(await reCreate(work, output)).toBe(false);
    expect(lines).toContain('local: both regions have a topic of that name, and neither is a copy');
    expect(await records(west, 'orders')).toEqual(['0:a', '1:b']);
    expect(await reCreate({ ...work, exclude: ['local'] }, output)).toBe(true);
    expect(lines).toContain("local: is west's own and stays as it is");
    expect(await records(west, 'local')).toEqual([`0:${west.url}`]);
    expect(await changeRegion(api(west), 'thaw', output)).toMatchObject({ state: 'OPEN' });
  });
});
