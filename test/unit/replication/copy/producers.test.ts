import { beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../../../lib/open-log.ts';
import { encodeBatch } from '../../../../lib/record/index.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { codecs, refusal, textRecord } from '../../../support/log-on-memory.ts';
import { openRegions, type Regions } from './regions.ts';

const PRODUCER = { producerId: 7, producerEpoch: 0 };

let regions: Regions;
beforeEach(async () => {
  regions = await openRegions();
  const { source } = regions;
  for (let baseSequence = 0; baseSequence < 12; baseSequence += 1) {
    const value = baseSequence % 3 === 0 ? 'x'.repeat(20_000) : 'small';
    await source.produce([value], { producer: { ...PRODUCER, baseSequence } });
    await source.produce(['plain']);
  }
});

/** The copy as a topic of its own, to which the source's producers turn when their region is lost. */
async function takeOver(): Promise<(baseSequence: number) => Promise<number | string>> {
  const { target } = regions;
  const topics = new TopicCatalog({ ...target.parts, partitionCountDefault: 1 });
  const seen = await topics.describe('east.orders', target.call());
  await topics.promote(seen, { source: 'east', topicId: 'i', endOffsets: [4] }, target.call());
  const log = await openLog(target.storage, target.call());
  return async (baseSequence) => {
    const value = baseSequence % 3 === 0 ? 'x'.repeat(20_000) : 'small';
    const record = textRecord(value);
    const batches = encodeBatch(codecs, [record], {
      compression: 'none',
      producer: { ...PRODUCER, baseSequence },
    });
    const request = log.produce({ topic: 'east.orders', partition: 0, batches }, target.call());
    const code = await refusal(request);
    return code === 'none' ? (await request).baseOffset : code;
  };
}

const inline = { hotRetentionMs: 604_800_000, inlineBytesMax: 300_000 };
const spilled = { hotRetentionMs: 604_800_000, inlineBytesMax: 0 };

describe("the source's producers in a copy that was taken over", () => {
  it.each([
    ['inline', inline, { isSealed: false }],
    ['spilled', spilled, { isSealed: false }],
    ['inline, sealed', inline, { isSealed: true }],
    ['spilled, sealed', spilled, { isSealed: true }],
  ] as const)('go on where they were, and store nothing twice: %s', async (_, settings, { isSealed }) => {
    await regions.copyAll(undefined, { settings, bytesMax: 30_000 });
    if (isSealed) await regions.target.seal();
    const produce = await takeOver();
    // Answered by the source before it was lost, or not: the copy knows.
    expect(await produce(11)).toBe(22);
    expect(await produce(8)).toBe(16);
    expect(await produce(13)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await produce(12)).toBe(24);
    expect(await regions.target.findings()).toEqual([]);
  });
});
