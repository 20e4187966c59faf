import { expect, it } from 'vitest';
import type { Groups } from '../../../../lib/groups.ts';
import { collect } from '../../../../lib/http/consumers/collect.ts';
import type { ConsumerInstance, HeldPartition } from '../../../../lib/http/consumers/instance.ts';
import type { FetchRequest, FetchResult, Log } from '../../../../lib/log.ts';
import { patchBaseOffset } from '../../../../lib/record/index.ts';
import { batchOf, newCall } from '../../../support/log-on-memory.ts';
import { manualClock } from '../../../tools/manual-clock.ts';

const HELD: readonly HeldPartition[] = [
  {
    ...{ topicId: 'a', topic: 't', partition: 0, next: 0, committed: 0 },
    behind: { from: 0, regions: [{ region: 'west', next: 12, passedAt: undefined }] },
  },
  { topicId: 'a', topic: 't', partition: 1, next: 0, committed: 0 },
];

const INSTANCE: ConsumerInstance = {
  groupId: 'g',
  name: 'i',
  settings: {
    ...{ format: 'text', dialect: 'confluent', autoCommit: true, reset: 'latest' },
    ...{ bytesMin: 1, waitMs: 1_000 },
  },
  selection: { kind: 'topics', topics: ['t'] },
  memberId: 'm',
  memberEpoch: 1,
  held: HELD,
  turn: 0,
};

function batchAt(baseOffset: number): Uint8Array {
  const batch = batchOf('one', 'two');
  patchBaseOffset(batch, { baseOffset, leaderEpoch: 0 });
  return batch;
}

it('what arrives during a wait and has been read elsewhere does not hold up what arrives behind it', async () => {
  const clock = manualClock();
  const asked: string[] = [];
  const nothing = (nextOffset: number): FetchResult => ({
    ...{ batches: [], nextOffset, highWatermark: nextOffset, logStartOffset: 0 },
  });
  const found = (offset: number): FetchResult => ({
    ...{ batches: [batchAt(offset)], nextOffset: offset + 2, highWatermark: 4, logStartOffset: 0 },
    foreign: [{ region: 'west', baseOffset: offset, endOffset: offset + 2, sourceOffset: 10 + offset }],
  });
  const fetch = async (
    { partition, offset, waitMs = 0 }: FetchRequest,
    { signal }: { signal?: AbortSignal },
  ): Promise<FetchResult> => {
    if (waitMs === 0) return nothing(offset);
    asked.push(`${partition}:${offset}`);
    if (partition === 0) return found(offset);
    // Nothing ever arrives there: the wait ends with its signal alone.
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    return nothing(offset);
  };
  const parts = {
    groups: {} as Groups,
    log: { fetch } as unknown as Log,
    clock,
    call: newCall(clock),
    signal: undefined,
    noteFault: () => undefined,
  };
  const wish = { bytesMin: 1, bytesMax: 1_000_000, waitMs: 1_000, instance: INSTANCE };
  const [first] = await collect(parts, HELD, wish);
  expect(asked).toEqual(['0:0', '1:0', '0:2', '1:0']);
  expect(first).toMatchObject({ from: 0, next: 4, read: [{ from: 0, to: 2 }] });
  expect(first?.batches).toHaveLength(1);
});
