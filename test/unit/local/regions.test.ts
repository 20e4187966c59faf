import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import type { LocalNode } from '../../../lib/local/node.ts';
import { type LocalRegions, startLocalRegions } from '../../../lib/local/regions.ts';
import { batchOf, newCall, textOf } from '../../support/log-on-memory.ts';

const clock = systemClock();
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function regions(dataDir: string): Promise<LocalRegions> {
  const opened = await startLocalRegions({ host: '127.0.0.1', port: 0, dataDir }, ['east', 'west']);
  cleanUps.push(opened.close);
  return opened;
}

/** All records of partition 0, once there are so many. */
async function records({ log }: LocalNode, topic: string, count: number): Promise<string[]> {
  const call = { ...newCall(clock), deadlineMs: clock.monotonicMs() + 60_000 };
  for (;;) {
    const known = (await log.listTopics(call)).some(({ name }) => name === topic);
    const { batches } = known ? await log.fetch({ topic, partition: 0, offset: 0 }, call) : { batches: [] };
    const found = textOf(batches);
    if (found.length >= count || clock.monotonicMs() > call.deadlineMs) return found;
    await clock.sleep(20);
  }
}

/** What is committed, once anything is. */
async function committed({ groups }: LocalNode, groupId: string): Promise<string[]> {
  const call = { ...newCall(clock), deadlineMs: clock.monotonicMs() + 60_000 };
  for (;;) {
    const found = await groups.committed(groupId, undefined, call);
    if (found.length > 0 || clock.monotonicMs() > call.deadlineMs) {
      return found.map(({ topic, partition, offset }) => `${topic} ${partition}: ${offset}`);
    }
    await clock.sleep(20);
  }
}

describe('regions in one process', () => {
  it('copy from each other what is written in either, and go on after a restart', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-regions-'));
    cleanUps.push(() => rm(dataDir, { recursive: true }));
    const first = await regions(dataDir);
    const [east, west] = first.nodes as [LocalNode, LocalNode];
    const call = newCall(clock);
    for (const { log } of [east, west]) await log.createTopic({ name: 'orders', partitionCount: 1 }, call);
    await west.flows.create({ source: 'east' }, call);
    await east.flows.create({ source: 'west' }, call);
    await east.log.produce({ topic: 'orders', partition: 0, batches: batchOf('e0', 'e1') }, call);
    await west.log.produce({ topic: 'orders', partition: 0, batches: batchOf('w0') }, call);
    expect(await records(west, 'east.orders', 2)).toEqual(['0:e0', '1:e1']);
    expect(await records(east, 'west.orders', 1)).toEqual(['0:w0']);
    const offsets = [{ topic: 'orders', partition: 0, offset: 2 }];
    await east.groups.commit({ groupId: 'billing', offsets }, newCall(clock));
    await first.close();
    cleanUps.pop();

    const again = await regions(dataDir);
    const [eastAgain, westAgain] = again.nodes as [LocalNode, LocalNode];
    const batches = batchOf('e2');
    await eastAgain.log.produce({ topic: 'orders', partition: 0, batches }, newCall(clock));
    expect(await records(westAgain, 'east.orders', 3)).toEqual(['0:e0', '1:e1', '2:e2']);
    // Where a group has got to is carried over, and MirrorMaker's clients see that copying goes on.
    expect(await committed(westAgain, 'billing')).toEqual(['east.orders 0: 2']);
    expect(await records(westAgain, 'east.checkpoints.internal', 1)).toHaveLength(1);
    const path = `/v3/clusters/${westAgain.log.clusterId}/consumer-groups/billing/offsets:translate`;
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ source_region: 'east' });
    const translated = await fetch(`${westAgain.url}${path}`, { method: 'POST', headers, body });
    expect(await translated.json()).toMatchObject({
      data: [{ source_topic_name: 'orders', topic_name: 'east.orders', offset: 2, state: 'TRANSLATED' }],
    });
    expect((await westAgain.flows.describe('east', newCall(clock))).state).toBe('RUNNING');
  });
});
