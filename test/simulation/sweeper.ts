import { chunkFromItem } from '../../lib/partition/chunk.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

const PAUSE_MS = 7 * 3_600_000;
const AGE_MS_MIN = 24 * 3_600_000;

/**
 * The collector of unreferenced objects, as strict as the design allows it to be: what is older than 24 h by the
 * bucket's clock and not referred to goes. It looks first and deletes some time later, as a real one would.
 */
export async function runSweeper(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, storage } = world;
  for (;;) {
    await scheduler.sleep(random.between(0.5, 1) * PAUSE_MS);
    const old = storage.bucket
      .list('', '', Number.MAX_SAFE_INTEGER)
      .objects.filter(({ modifiedMs }) => modifiedMs <= scheduler.nowMs - AGE_MS_MIN);
    if (old.length === 0) continue;
    const referred = referredObjects(world);
    await scheduler.sleep(random.between(0, 600_000));
    for (const { key } of old) if (!referred.has(key)) storage.bucket.delete(key, 'sweep');
  }
}

function referredObjects({ storage }: World): Set<string> {
  const keys = new Set<string>();
  for (const pk of storage.hot.collections()) {
    for (const item of storage.hot.peek(pk)) {
      const { body } = chunkFromItem(item);
      if (body.kind === 'spilled') keys.add(body.span.key);
    }
  }
  for (const pk of storage.catalog.collections()) {
    for (const item of storage.catalog.peek(pk)) {
      if (item.sk.startsWith(SEGMENT_PREFIX)) keys.add(segmentFromItem(item).objectKey ?? '');
    }
  }
  return keys;
}
