import { describe, expect, it } from 'vitest';
import type { CopiedPartition } from '../../../../lib/replication/copy-loop.ts';
import {
  type FlowStatus,
  progressOf,
  statusFromItem,
  statusToItem,
} from '../../../../lib/replication/flows/status-item.ts';
import {
  afterStep,
  lagOf,
  NEW_WORK,
  type PartitionWork,
} from '../../../../lib/replication/partition-work.ts';
import { noteOf } from '../../../../lib/replication/take-note.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import { itemBytes } from '../../../../lib/storage/units.ts';
import type { Topic } from '../../../../lib/topic/topic-item.ts';
import { codecs } from '../../../support/log-on-memory.ts';

const NOW = 1_800_000_000_000;
const LOOKED = { ms: NOW, topics: 'these' };
const SHARE = { index: 0, count: 1 };
const SYNCED = { pairs: [], stopped: [], orphans: [], seen: { sentWallMs: 0, sentMonotonicMs: 0 } };

function topic(name: string): Topic {
  return {
    name,
    topicId: name,
    partitionCount: 9,
    configs: {},
    leaderEpoch: 0,
    state: 'active',
    version: 'v',
  };
}

function copied(partition: number, work: Partial<PartitionWork>, name = 's'): CopiedPartition {
  const pair = { source: topic(name), target: topic(`a.${name}`) };
  const pks = { sourcePk: `${name}:${partition}`, targetPk: `a.${name}:${partition}` };
  return { pair, partition, ...pks, work: { ...NEW_WORK, ...work } };
}

function note(
  partitions: readonly CopiedPartition[],
  more: {
    readonly before?: FlowStatus;
    readonly nowMs?: number;
    readonly ends?: ReadonlyMap<string, number>;
  } = {},
): FlowStatus {
  const { before, nowMs = NOW, ends = new Map() } = more;
  return noteOf({ partitions, topics: SYNCED, share: SHARE, nowMs, ends, before, looked: LOOKED });
}

describe('what is noted of a flow', () => {
  it('is the lag in records and the age of the oldest that may be missing', () => {
    const behind = copied(0, { state: 'COPYING', position: 10, sourceEnd: 12, copiedMs: NOW - 3_000 });
    const there = copied(1, { state: 'CAUGHT_UP', position: 7, sourceEnd: 7, copiedMs: NOW - 90_000 });
    const ends = new Map([['a.s:0', 110]]);
    const status = note([behind, there], { ends });
    expect(status).toMatchObject({ lagRecords: 100, lagMs: 3_000, base: { lagRecords: 100, sinceMs: NOW } });
    expect(status.topics).toEqual([
      {
        sourceTopic: 's',
        topic: 'a.s',
        state: 'COPYING',
        reason: '',
        partitions: [
          { partition: 0, position: 10, sourceEnd: 110 },
          { partition: 1, position: 7, sourceEnd: 7 },
        ],
      },
    ]);
  });

  it('tells percent and the estimated end while it catches up at a steady pace', () => {
    const at = (position: number): CopiedPartition[] => [
      copied(0, { state: 'COPYING', position, sourceEnd: 1_000, copiedMs: NOW }),
    ];
    const first = note(at(0));
    expect(progressOf([first])).toMatchObject({ percent: 0, lagRecords: 1_000 });
    expect(progressOf([first])?.estimatedEndMs).toBeUndefined();
    const second = note(at(250), { before: first, nowMs: NOW + 10_000 });
    expect(progressOf([second])).toMatchObject({ percent: 25, estimatedEndMs: NOW + 40_000 });
    const third = note(at(900), { before: second, nowMs: NOW + 30_000 });
    expect(progressOf([third])?.percent).toBe(90);
    const done = note([copied(0, { state: 'CAUGHT_UP', position: 1_000, sourceEnd: 1_000 })], {
      before: third,
    });
    expect(progressOf([done])).toMatchObject({ percent: 100, lagRecords: 0, lagMs: 0 });
    // What falls behind again is measured anew.
    const again = note([copied(0, { state: 'COPYING', position: 1_000, sourceEnd: 1_010 })], {
      before: done,
    });
    expect(again.base.lagRecords).toBe(10);
  });

  it('does not claim to know a lag while a part of the source cannot be reached', () => {
    const fault = new StorageFault('interrupted', 'no answer');
    const there: PartitionWork = { ...NEW_WORK, state: 'CAUGHT_UP', position: 5, sourceEnd: 5 };
    const cut = afterStep(there, { kind: 'failed', side: 'source', fault });
    expect([cut.state, cut.reason, lagOf(cut)]).toEqual(['UNREACHABLE', 'no answer', -1]);
    expect(note([copied(0, cut), copied(1, there)])).toMatchObject({ lagRecords: -1, lagMs: -1 });
    const before = note([copied(0, there)]);
    const unlisted = {
      partitions: [],
      topics: undefined,
      reason: 'no rights',
      share: SHARE,
      nowMs: NOW,
      ends: new Map(),
      before,
      looked: LOOKED,
    };
    expect(noteOf(unlisted)).toMatchObject({
      lagRecords: -1,
      topics: [{ state: 'UNREACHABLE', reason: 'no rights' }],
    });
  });

  it('asks a quiet partition less and less often, and one that fails even less', () => {
    let quiet = NEW_WORK;
    const pauses: number[] = [];
    for (let at = 0; at < 7; at += 1) {
      quiet = afterStep(quiet, { kind: 'caughtUp', position: 0 });
      pauses.push(quiet.pauseMs);
    }
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
    let failing = NEW_WORK;
    const waits: number[] = [];
    for (let at = 0; at < 7; at += 1) {
      const fault = new StorageFault('throttled', 'slow down');
      failing = afterStep(failing, { kind: 'failed', side: 'target', fault });
      waits.push(failing.pauseMs);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    const counts = { bytes: 1, recordCount: 1, maxTimestampMs: 1, sourceEnd: 1 };
    expect(afterStep(failing, { kind: 'copied', position: 1, ...counts })).toMatchObject({
      pauseMs: 0,
      failures: 0,
      reason: '',
    });
  });
});

describe('the item of a status', () => {
  it('comes back as it was noted', () => {
    const status = note([
      copied(0, { state: 'COPYING', position: 1, sourceEnd: 3, gap: { from: 0, to: 1 } }),
    ]);
    const item = statusToItem({ codecs }, { source: 'a', id: 'flow' }, status, 'v');
    expect([item.pk, item.sk]).toEqual(['flows', 'status#a#0']);
    expect(statusFromItem({ codecs }, item)).toEqual({ ...status, flowId: 'flow' });
  });

  it('leaves out partitions of which there is nothing to tell rather than growing past its bound', () => {
    const many = Array.from({ length: 200 }, (_, at) =>
      Array.from({ length: 100 }, (_, partition) => {
        const position = (at * 7_919 + partition * 104_729 * 31) % 1_000_003;
        const behind = at === 3 && partition === 5 ? 1 : 0;
        return copied(
          partition,
          { state: 'CAUGHT_UP', position, sourceEnd: position + behind },
          `topic-${at}`,
        );
      }),
    ).flat();
    const status = note(many);
    const item = statusToItem({ codecs }, { source: 'a', id: 'flow' }, status, 'v');
    expect(itemBytes(item)).toBeLessThan(66_000);
    const read = statusFromItem({ codecs }, item);
    expect(read.lagRecords).toBe(1);
    expect(read.topics).toHaveLength(200);
    expect(read.topics.flatMap(({ partitions }) => partitions)).toHaveLength(1);
  });

  it('of several shares makes one progress', () => {
    const share = (index: number, work: Partial<PartitionWork>): FlowStatus => ({
      ...note([copied(index, work)]),
      share: { index, count: 2 },
    });
    const there = share(0, { state: 'CAUGHT_UP', position: 5, sourceEnd: 5 });
    const behind = share(1, { state: 'COPYING', position: 5, sourceEnd: 9, copiedMs: NOW - 10 });
    expect(progressOf([there, behind])).toMatchObject({
      lagRecords: 4,
      lagMs: 10,
      topics: [{ state: 'COPYING', partitions: [{ partition: 0 }, { partition: 1 }] }],
    });
    expect(progressOf([])).toBeUndefined();
  });
});
