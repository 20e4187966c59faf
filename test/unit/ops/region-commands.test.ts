import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import type { LocalNode } from '../../../lib/local/node.ts';
import { type LocalRegions, startLocalRegions } from '../../../lib/local/regions.ts';
import { runFlow } from '../../../lib/replication/replicator.ts';
import { type Api, openApi } from '../../../ops/region/api.ts';
import { type FailOver, failOver } from '../../../ops/region/fail-over.ts';
import { changeRegion, type FlowBody, type RegionBody, tellFlow } from '../../../ops/region/region-state.ts';
import { batchOf, newCall, refusal, textOf } from '../../support/log-on-memory.ts';

const clock = systemClock();
let dataDir: string;
let regions: LocalRegions;
let west: LocalNode;
let east: LocalNode;
let lines: string[];
const output = { line: (text: string) => lines.push(text), progress: () => undefined };

beforeEach(async () => {
  lines = [];
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-region-'));
  regions = await startLocalRegions({ host: '127.0.0.1', port: 0, dataDir }, ['west', 'east']);
  [west, east] = regions.nodes as [LocalNode, LocalNode];
  await west.log.createTopic({ name: 'orders', partitionCount: 2 }, newCall(clock));
  await west.log.createTopic({ name: 'private.internal' }, newCall(clock));
});
afterEach(async () => {
  await regions.close();
  await rm(dataDir, { recursive: true });
});

const api = ({ url }: LocalNode): Api => openApi(url, {});
const work = (more: Partial<FailOver> = {}): FailOver => ({
  source: 'west',
  from: api(west),
  to: api(east),
  waitMs: 60_000,
  sleep: (ms) => clock.sleep(Math.min(ms, 50)),
  ...more,
});
const produce = (
  { log }: LocalNode,
  value: string,
  partition = 0,
  topic = 'orders',
): ReturnType<typeof log.produce> =>
  log.produce({ topic, partition, batches: batchOf(value) }, newCall(clock));

describe('failing over', () => {
  it('freezes the region that is left, and is done when all of it is in the other one', async () => {
    await produce(west, 'a');
    await east.flows.create({ source: 'west' }, newCall(clock));
    await produce(west, 'b', 1);
    expect(await failOver(work(), output)).toBe(true);
    expect(lines.join('\n')).toContain('FROZEN');
    expect(lines.at(-3)).toMatch(/^All of west is in east: \d topics, \d partitions, \d offsets/);
    expect(lines.at(-2)).toBe('Every position that groups have committed in west is in east');
    expect(await refusal(produce(west, 'c'))).toBe('REGION_FROZEN');
    const read = (partition: number): Promise<string[]> =>
      east.log
        .fetch({ topic: 'west.orders', partition, offset: 0 }, newCall(clock))
        .then(({ batches }) => textOf(batches));
    expect([await read(0), await read(1)]).toEqual([['0:a'], ['0:b']]);
    expect(await failOver(work(), output)).toBe(true);
  });

  it('says what is missing when it has not come in time, and leaves the region frozen', async () => {
    await east.flows.create({ source: 'west' }, newCall(clock));
    await east.stopCopying();
    await produce(west, 'late');
    expect(await failOver(work({ waitMs: 0 }), output)).toBe(false);
    expect(lines).toContain('orders/0 → west.orders: 1 offsets are missing');
    expect(lines.at(-1)).toBe('Not all of west has come over. It stays frozen: again, or thaw it.');
    expect(await refusal(produce(west, 'x'))).toBe('REGION_FROZEN');
  });

  it('is not taken in by another topic that has the name of a copy', async () => {
    await east.log.createTopic({ name: 'west.orders', partitionCount: 2 }, newCall(clock));
    await produce(east, 'not a copy', 0, 'west.orders');
    await produce(west, 'a');
    await east.flows.create({ source: 'west' }, newCall(clock));
    expect(await failOver(work({ waitMs: 0 }), output)).toBe(false);
    expect(lines).toContain(
      'orders/0 → west.orders: 1 offsets are missing, the topic of that name is another one',
    );
  });

  it('asks nothing of a region that is lost, and does not promise what it cannot know', async () => {
    await east.flows.create({ source: 'west' }, newCall(clock));
    const isAll = await failOver(work({ from: undefined }), output);
    expect(isAll).toBe((await east.flows.describe('west', newCall(clock))).progress?.lagRecords === 0);
    expect(lines.at(-1)).toContain('consumers read the copies');
    expect((await api(west).v3<RegionBody>('GET', '/region')).state).toBe('OPEN');
  });

  it('is refused where nothing is copied, or copying is paused; then nothing is frozen', async () => {
    await expect(failOver(work(), output)).rejects.toThrow('nothing is copied from west');
    await east.flows.create({ source: 'west' }, newCall(clock));
    await east.flows.pause('west', newCall(clock));
    await expect(failOver(work(), output)).rejects.toThrow('is paused');
    expect((await api(west).v3<RegionBody>('GET', '/region')).state).toBe('OPEN');
  });

  it('is undone by thawing: the region goes on where it was, and so do the copies', async () => {
    await east.flows.create({ source: 'west' }, newCall(clock));
    await produce(west, 'a');
    await failOver(work(), output);
    expect(await changeRegion(api(west), 'thaw', output)).toMatchObject({ state: 'OPEN', is_complete: true });
    expect((await produce(west, 'b')).baseOffset).toBe(1);
    expect(await failOver(work(), output)).toBe(true);
    const { offset } = await east.log.listOffsets(
      { topic: 'west.orders', partition: 0, at: 'latest' },
      newCall(clock),
    );
    expect(offset).toBe(2);
  });
});

/** Commits a position of `orders/0` in west. */
async function commit(offset: number): Promise<void> {
  const offsets = [{ topic: 'orders', partition: 0, offset }];
  await west.groups.commit({ groupId: 'billing', offsets }, newCall(clock));
}

describe('failing over where groups have committed', () => {
  it('names positions that have not come over, and is done all the same', async () => {
    await produce(west, 'a');
    await east.flows.create({ source: 'west' }, newCall(clock));
    expect(await failOver(work(), output)).toBe(true);
    await east.stopCopying();
    await commit(1);
    lines = [];
    expect(await failOver(work(), output)).toBe(true);
    expect(lines).toContain('group billing, west.orders/0: 1 has not come over, there is none');
    expect(lines.at(-2)).toContain('1 positions that groups have committed in west are not in east yet');
    expect(await failOver(work({ groups: true, waitMs: 0 }), output)).toBe(false);
    expect(lines.at(-1)).toContain('west stays frozen');
  });

  it('waits for them where it is told to', async () => {
    await produce(west, 'a');
    await commit(1);
    await east.flows.create({ source: 'west' }, newCall(clock));
    expect(await failOver(work({ groups: true, waitMs: 6_000_000 }), output)).toBe(true);
    const [position] = await east.groups.committed('billing', undefined, newCall(clock));
    expect(position).toMatchObject({ topic: 'west.orders', partition: 0, offset: 1 });
  }, 60_000);
});

describe('failing over from a topic that is written in both regions', () => {
  it('compares what each region has of the other, not where they end', async () => {
    await east.log.createTopic({ name: 'orders', partitionCount: 2 }, newCall(clock));
    await produce(west, 'w0');
    await produce(west, 'w1', 1);
    await produce(east, 'e0');
    await east.flows.create({ source: 'west', policy: 'merged' }, newCall(clock));
    // Once, and without the heartbeats of a flow, which would have to be waited for.
    await west.stopCopying();
    await west.flows.create({ source: 'east', policy: 'merged' }, newCall(clock));
    const parts = { target: west.parts, region: 'west', sources: async () => east.parts };
    const deadlineMs = clock.monotonicMs() + 60_000;
    await runFlow({ ...parts, onFault: () => undefined }, 'east', { idleMs: 100, deadlineMs });
    // The end of west is a copy: what is its own lies before.
    expect(await failOver(work({ waitMs: 600_000 }), output)).toBe(true);
    expect(lines.at(-3)).toContain('2 offsets');
    expect(lines.at(-1)).toContain('Producers and consumers may move');
  });

  it('names what is missing of it', async () => {
    await east.flows.create({ source: 'west', policy: 'merged' }, newCall(clock));
    expect(await failOver(work(), output)).toBe(true);
    await east.stopCopying();
    await changeRegion(api(west), 'thaw', output);
    await produce(west, 'late');
    expect(await failOver(work({ waitMs: 0 }), output)).toBe(false);
    expect(lines).toContain('orders/0 → orders: 1 offsets are missing');
  });

  it('tells of relays when it is lost', async () => {
    await east.flows.create({ source: 'west', policy: 'merged' }, newCall(clock));
    await failOver(work({ from: undefined }), output);
    expect(lines.at(-1)).toBe('Producers and consumers may move');
  });
});

describe('what is told of a flow', () => {
  it('is its lag, the state of every topic, and what the source had trimmed', () => {
    const flow: FlowBody = {
      source_region: 'west',
      target_region: 'east',
      state: 'RUNNING',
      policy: 'prefixed',
      separator: '.',
      topics: ['.*'],
      topics_exclude: [],
      groups: ['.*'],
      groups_exclude: [],
      start: { to: 'EARLIEST' },
      progress: {
        noted_ms: 0,
        lag_records: 7,
        lag_ms: 1_500,
        percent: 93,
        topics: [
          {
            source_topic_name: 't',
            topic_name: 'west.t',
            state: 'DIVERGED',
            reason: 'why',
            partitions: [{ partition_id: 1, position: 5, source_end: 9, gap: { from: 1, to: 3 } }],
          },
        ],
      },
    };
    tellFlow(flow, output);
    expect(lines).toEqual([
      'west → east: prefixed, RUNNING, 7 records behind, by 1.5 s, 93% as of 1970-01-01T00:00:00.000Z',
      '  t → west.t: DIVERGED, why',
      '    partition 1: the source had trimmed 1 to 2 before',
    ]);
  });
});

describe('asking a region', () => {
  it('that does not answer fails in one line', async () => {
    const { url } = west;
    await regions.close();
    await expect(openApi(url, {}).get('/topics')).rejects.toThrow(`${url} cannot be reached`);
    regions = { nodes: [], close: async () => undefined };
  });

  it('tells what it has answered', async () => {
    await expect(api(west).get('/topics/none')).rejects.toThrow("404 Topic 'none' does not exist");
  });
});
