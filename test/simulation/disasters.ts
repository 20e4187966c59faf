import { chunkFromItem } from '../../lib/partition/chunk.ts';
import { livePartitions, sealedEnd } from './places.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

/**
 * What no engine can prevent: storage, or somebody with the right to, loses an unsealed chunk in the middle of a chain.
 * From then on the partition may refuse to be read or sealed beyond it, but must not act as if nothing were missing.
 */
export async function runDisasters(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, storage, history, profile } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    for (let i = 0; i < profile.chunksLostPerEra; i++) {
      await scheduler.sleep(random.between(0, 5_000));
      const pks = livePartitions(storage);
      if (pks.length === 0) continue;
      const pk = random.pick(pks);
      const end = sealedEnd(storage, pk);
      // The newest item is where writers find the tail: without it the log would be another one.
      const chunks = storage.hot.peek(pk).slice(0, -1).map(chunkFromItem);
      const losable = chunks.filter(({ baseOffset }) => baseOffset >= end);
      if (losable.length === 0) continue;
      const { baseOffset } = random.pick(losable);
      history.disasters.push({ pk, offset: baseOffset, atMs: scheduler.nowMs });
      storage.hot.lose({ pk, sk: baseOffset });
    }
  }
}
