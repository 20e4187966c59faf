import { describe, expect, it } from 'vitest';
import type { ClientParts } from '../../../lib/client/client-parts.ts';
import { type Committer, createCommitter } from '../../../lib/client/consumer/committer.ts';
import { consumerSettings } from '../../../lib/client/consumer/consumer-options.ts';
import { holdPartition } from '../../../lib/client/consumer/held-partition.ts';
import { MillraceError } from '../../../lib/errors.ts';
import type { CommitRequest } from '../../../lib/groups.ts';
import { refusal } from '../../support/log-on-memory.ts';
import { openTestClient } from './support.ts';

const PLACE = { topic: 'orders', partition: 0 };

interface Group {
  readonly committer: Committer;
  /** `epoch:offset` of every commit that arrived. */
  readonly arrived: string[];
  epoch: number;
  term: number;
  /** What happens while a commit with an epoch that is over waits for the next heartbeat's answer. */
  beforeNextAnswer: () => void;
}

/** Takes commits of epoch 2 and later; the member thinks that it is at 1. */
async function group(): Promise<Group> {
  const client = await openTestClient();
  const state: Omit<Group, 'committer'> = {
    arrived: [],
    epoch: 1,
    term: 0,
    beforeNextAnswer: () => undefined,
  };
  const commit = async ({ member, offsets }: CommitRequest) => {
    state.arrived.push(`${member?.memberEpoch}:${offsets.map(({ offset }) => offset)}`);
    if ((member?.memberEpoch ?? 0) < 2) throw new MillraceError('STALE_MEMBER_EPOCH', 'too old');
    return offsets.map(({ topic, partition }) => ({ topic, partition }));
  };
  const parts: ClientParts = { ...client.parts, groups: { ...client.parts.groups, commit } };
  const settings = consumerSettings({ groupId: 'g', topics: ['orders'] });
  const committer = createCommitter(parts, settings, {
    member: () => ({ memberId: 'm', memberEpoch: state.epoch }),
    term: () => state.term,
    nextAnswer: async () => {
      state.epoch = 2;
      state.beforeNextAnswer();
    },
  });
  return Object.assign(state, { committer });
}

describe('a commit that meets a later epoch', () => {
  it('is sent again with the new one while the membership goes on', async () => {
    const at = await group();
    await at.committer.commitOffsets([{ ...PLACE, offset: 10 }]);
    expect(at.arrived).toEqual(['1:10', '2:10']);
  });

  it('is given up once the membership is another one: others may have committed more', async () => {
    const at = await group();
    at.beforeNextAnswer = () => {
      at.term += 1;
    };
    const held = holdPartition(
      PLACE,
      { offset: 10, leaderEpoch: -1 },
      { topicId: undefined, committedOffset: 5, behind: undefined },
    );
    await at.committer.commitProcessed([held]);
    expect(at.arrived).toEqual(['1:10']);
    expect(held.committedOffset).toBe(5);
  });

  it('is refused if it was asked for in a membership that has ended before its turn', async () => {
    const at = await group();
    at.epoch = 2;
    const before = Promise.withResolvers<void>();
    void at.committer.inTurn(() => before.promise);
    const late = refusal(at.committer.commitOffsets([{ ...PLACE, offset: 10 }]));
    at.term += 1;
    before.resolve();
    expect(await late).toBe('STALE_MEMBER_EPOCH');
    expect(at.arrived).toEqual([]);
  });
});
