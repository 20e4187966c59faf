import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/errors.ts';
import { topicLook } from '../../../lib/group/offsets/dead-offsets.ts';
import type { StandingOffset } from '../../../lib/group/offsets/offset-item.ts';
import { parseConfigs } from '../../../lib/topic/configs.ts';
import { newCall } from '../../support/log-on-memory.ts';
import { virtualClock } from '../storage/virtual-clock.ts';

const offset = (topicId: string): StandingOffset => ({
  topic: 'orders',
  topicId,
  partition: 0,
  position: undefined,
  owner: undefined,
  takenAt: 0,
  version: 'v',
});

describe('whether the topic of a position is still there', () => {
  it('is asked anew where it may be younger than the last look', async () => {
    const call = newCall(virtualClock());
    let topicId: string | undefined = 'first';
    let looks = 0;
    const look = topicLook({
      describe: async (name) => {
        looks += 1;
        if (topicId === undefined) throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', name);
        const topic = { name, topicId, partitionCount: 1, configs: parseConfigs({}), leaderEpoch: 0 };
        return { ...topic, state: 'active', version: 'v' };
      },
    });
    expect(await look(offset('first'), call)).toBe(true);
    expect(await look(offset('first'), call)).toBe(true);
    expect(looks).toBe(1);
    topicId = 'second';
    expect(await look(offset('second'), call)).toBe(true);
    expect(await look(offset('first'), call)).toBe(false);
    topicId = undefined;
    expect(await look(offset('third'), call)).toBe(false);
  });
});
