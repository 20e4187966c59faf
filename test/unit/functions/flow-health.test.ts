import { describe, expect, it } from 'vitest';
import { flowHealth } from '../../../functions/flow-health.ts';
import type { CopyState, FlowDescription, FlowProgress } from '../../../lib/flows.ts';

const NOW = 10_000_000;
const FLOW: FlowDescription = {
  source: 'us',
  target: 'eu',
  policy: 'prefixed',
  separator: '.',
  topics: ['.*'],
  topicsExclude: [],
  groups: ['.*'],
  groupsExclude: [],
  start: 'earliest',
  relays: [],
  state: 'RUNNING',
  createdMs: NOW - 7_000,
};
const PROGRESS: FlowProgress = {
  notedMs: NOW - 5_000,
  lagRecords: 10,
  lagMs: 2_000,
  percent: 50,
  topics: [],
};
const at = (progress: Partial<FlowProgress>): FlowDescription => ({
  ...FLOW,
  progress: { ...PROGRESS, ...progress },
});

describe('how flows are', () => {
  it('is what was noted, while the note is young', () => {
    expect(flowHealth([at({})], NOW)).toEqual({ lagSeconds: 2, lagRecords: 10, stopped: [] });
  });

  it('is worse with every second in which nothing was noted', () => {
    expect(flowHealth([at({ notedMs: NOW - 200_000 })], NOW)).toMatchObject({ lagSeconds: 202 });
    expect(flowHealth([FLOW], NOW)).toEqual({ lagSeconds: 7, lagRecords: -1, stopped: [] });
  });

  it('is the worst of all that run; paused ones do not count', () => {
    const worse = at({ lagMs: 9_000, lagRecords: -1 });
    const paused: FlowDescription = { ...at({ lagMs: 90_000 }), state: 'PAUSED' };
    expect(flowHealth([at({}), worse, paused], NOW)).toMatchObject({ lagSeconds: 9, lagRecords: 10 });
    expect(flowHealth([paused], NOW)).toBeUndefined();
  });

  it('is not known if it is not known of one: no flow makes up for another', () => {
    expect(flowHealth([at({}), at({ lagMs: -1 })], NOW)).toMatchObject({
      lagSeconds: undefined,
      lagRecords: 10,
    });
  });

  it('names the topics that are not copied, and why', () => {
    const topic = (sourceTopic: string, state: CopyState) => ({
      sourceTopic,
      topic: `us.${sourceTopic}`,
      state,
      reason: 'because',
      partitions: [],
    });
    const topics = [
      topic('a', 'CAUGHT_UP'),
      topic('b', 'DIVERGED'),
      topic('c', 'COPYING'),
      topic('d', 'CONFLICT'),
    ];
    expect(flowHealth([at({ topics })], NOW)?.stopped).toEqual([
      { source: 'us', topic: 'b', reason: 'DIVERGED: because' },
      { source: 'us', topic: 'd', reason: 'CONFLICT: because' },
    ]);
  });
});
