import { beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../../lib/record/index.ts';
import { firstDifference } from '../../../../lib/replication/promotion/first-difference.ts';
import { codecs } from '../../../support/log-on-memory.ts';
import { openRegions, type Region } from '../copy/regions.ts';

/** A topic that was lost, and one that took over from it when it had nothing yet. */
let lost: Region;
let heir: Region;

beforeEach(async () => {
  const configs = { 'cleanup.policy': 'compact' };
  ({ source: lost } = await openRegions({ configs }));
  ({ source: heir } = await openRegions({ configs }));
});

const differsAt = (from = 0): Promise<number> =>
  firstDifference({ source: lost.parts, target: heir.parts })(
    { sourcePk: lost.pk, formerPk: heir.pk, from },
    heir.call(),
  );

async function produce(region: Region, records: Readonly<Record<string, string>>): Promise<void> {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const stored = Object.entries(records).map(([key, value]) => ({
    ...{ key: bytes(key), value: bytes(value), headers: [], timestampMs: 1_700_000_000_000 },
  }));
  const batches = encodeBatch(codecs, stored, { compression: 'none' });
  await region.log.produce({ topic: region.topic, partition: 0, batches }, region.call());
}

async function compact(region: Region): Promise<void> {
  await region.seal();
  await region.compact();
}

describe('where a former copy and its source differ', () => {
  it('is behind the batches that both have', async () => {
    await produce(lost, { k: 'a', l: 'b' });
    await produce(heir, { k: 'a', l: 'b' });
    await produce(lost, { k: 'c' });
    await produce(heir, { k: 'd' });
    expect(await differsAt()).toBe(2);
    expect(await differsAt(2)).toBe(2);
  });

  it('is not behind one that compaction has taken records out of, if both still have some', async () => {
    await produce(lost, { k: 'a', l: 'b' });
    await produce(heir, { k: 'a', l: 'b' });
    await produce(heir, { k: 'd' });
    await compact(heir);
    expect(await heir.records()).toEqual(['1:l=b', '2:k=d']);
    expect(await differsAt()).toBe(2);
  });

  it('is where both have a batch of the same length, and of its records compaction has left them no offset in common', async () => {
    await produce(lost, { k: 'a', l: 'b' });
    await produce(lost, { k: 'c' });
    await produce(heir, { k: 'x', l: 'y' });
    await produce(heir, { l: 'z' });
    await compact(lost);
    await compact(heir);
    expect(await lost.records()).toEqual(['1:l=b', '2:k=c']);
    expect(await heir.records()).toEqual(['0:k=x', '2:l=z']);
    expect(await differsAt()).toBe(0);
  });
});
