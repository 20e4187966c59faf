import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../../lib/open-log.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { mergedCopier, mergedStep, openMergedRegion } from './merged-regions.ts';

const LARGE = 'west'.padEnd(20_000, '.');

/** A copier out of west into east that loses its first puts to local appends, and sleeps after each; and what it has asked for. */
async function racedCopier({ losses, sleepMs = 0 }: { readonly losses: number; readonly sleepMs?: number }) {
  const clock = manualClock();
  const west = await openMergedRegion('west', clock);
  const east = await openMergedRegion('east', clock);
  await west.produce([LARGE]);
  const asked = { puts: 0, uploads: 0, reads: 0 };
  const { hot, bucket } = east.storage;
  const target = engineParts({
    ...east.storage,
    hot: {
      ...hot,
      put: async (item, options, call) => {
        asked.puts += 1;
        if (asked.puts > losses) return hot.put(item, options, call);
        await east.produce(['east']);
        const lost = await hot.put(item, options, call);
        clock.advance(sleepMs);
        return lost;
      },
    },
    bucket: {
      ...bucket,
      put: (key, bytes, call) => {
        asked.uploads += 1;
        return bucket.put(key, bytes, call);
      },
    },
  });
  const source = engineParts({
    ...west.storage,
    bucket: {
      ...west.storage.bucket,
      get: (key, range, call) => {
        asked.reads += 1;
        return west.storage.bucket.get(key, range, call);
      },
    },
  });
  return { asked, east, copier: mergedCopier(west, east, { source, target }) };
}

describe('a copy that loses its put to local appends', () => {
  it('is neither read nor uploaded again', async () => {
    const { asked, east, copier } = await racedCopier({ losses: 3 });
    expect(await mergedStep(copier, east)).toMatchObject({ kind: 'copied', position: 1 });
    expect(asked).toEqual({ puts: 4, uploads: 1, reads: 1 });
    expect(await east.values()).toEqual(['east', 'east', 'east', LARGE]);
    expect(await east.findings()).toEqual([]);
  });

  it('is sealed with the offsets that it got, not with those that it was uploaded for', async () => {
    const { east, copier } = await racedCopier({ losses: 1 });
    await mergedStep(copier, east);
    await east.seal();
    await east.expire();
    expect(await east.values()).toEqual(['east', LARGE]);
    expect(await east.findings()).toEqual([]);
  });

  it('is uploaded again where it slept for so long that the object may be gone', async () => {
    const { asked, east, copier } = await racedCopier({ losses: 1, sleepMs: 2 * 3_600_000 });
    // The topic was seen too long ago as well, so that this step stores nothing.
    expect(await mergedStep(copier, east)).toMatchObject({ kind: 'copied', position: 0, bytes: 0 });
    expect(await mergedStep(copier, east)).toMatchObject({ kind: 'copied', position: 1 });
    expect(await east.values()).toEqual(['east', LARGE]);
    expect(await east.findings()).toEqual([]);
    expect(asked.uploads).toBeGreaterThan(1);
  });
});
