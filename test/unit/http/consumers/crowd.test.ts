import { describe, expect, it } from 'vitest';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { SortKey, Table } from '../../../../lib/storage/table.ts';
import { memoryStorage } from '../../../support/log-on-memory.ts';
import { type Api, newTopic, openApi } from '../support.ts';
import { fill, instanceAt, newInstance } from './support.ts';

const PARTITIONS = 5;

/** Numbers in [0, 1), the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Requests take a few turns of the event loop, before and after they have their effect, and some break off there. */
function unreliable<S extends SortKey>(
  table: Table<S>,
  { random, faultRate }: { readonly random: () => number; readonly faultRate: number },
): Table<S> {
  const pause = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    await pause();
    if (random() < faultRate) throw new StorageFault('interrupted', 'the request broke off');
    const answer = await work();
    await pause();
    if (random() < faultRate) throw new StorageFault('interrupted', 'the answer broke off');
    return answer;
  };
  return {
    inlineBytesBreakEven: table.inlineBytesBreakEven,
    get: (...all) => slowly(() => table.get(...all)),
    put: (...all) => slowly(() => table.put(...all)),
    query: (...all) => slowly(() => table.query(...all)),
    delete: (...all) => slowly(() => table.delete(...all)),
  };
}

interface Client {
  readonly random: () => number;
  readonly config: object;
  /** Either process, as it comes. */
  readonly anyApi: () => Api;
  readonly isOver: () => boolean;
  readonly seen: Set<string>;
}

/** One client: makes an instance, reads with it, and now and then leaves and comes back. */
async function consume(client: Client): Promise<void> {
  const { random, config, anyApi, isOver } = client;
  for (let life = 0; life < 4 && !isOver(); life += 1) {
    const { path } = await newInstance(anyApi(), { config });
    await instanceAt(anyApi(), path).subscribe('t');
    for (let steps = 6 + Math.floor(random() * 10); steps > 0; steps -= 1) await step(client, path);
    const below = random() < 0.7 ? undefined : 'subscription';
    expect((await instanceAt(anyApi(), path).delete(below)).status).toBe(204);
  }
}

async function step({ random, anyApi, seen }: Client, path: string): Promise<void> {
  const instance = instanceAt(anyApi(), path);
  for (const record of await instance.read(random() < 0.5 ? '&max_bytes=400' : '')) seen.add(record);
  if (random() < 0.3) await instance.assignments();
  if (random() < 0.2) await instance.post('offsets');
}

describe('a crowd of instances that come, read and go through two processes', () => {
  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'is handed every record (seed %d)',
    async (seed) => {
      const random = seeded(seed);
      const storage = memoryStorage();
      const way = { random, faultRate: seed % 2 === 0 ? 0.02 : 0 };
      const shared = {
        ...storage,
        hot: unreliable(storage.hot, way),
        catalog: unreliable(storage.catalog, way),
      };
      const apis = [await openApi({ storage: shared }), await openApi({ storage: shared })] as const;
      const [api] = apis;
      await newTopic(api, 't', PARTITIONS);
      const config = { 'auto.commit.enable': random() < 0.7 };
      const seen = new Set<string>();
      let produced = 0;
      let isOver = false;
      const producer = async (): Promise<void> => {
        for (let count = 0; count < 30; count += 1) {
          await fill(api, Math.floor(random() * PARTITIONS), 2);
          produced += 2;
        }
        isOver = true;
      };
      const anyApi = (): Api => apis[random() < 0.5 ? 0 : 1];
      const clients = [1, 2, 3].map(() => consume({ random, config, anyApi, isOver: () => isOver, seen }));
      await Promise.all([producer(), ...clients]);
      const last = await newInstance(api, { config });
      await last.subscribe('t');
      for (let idle = 0; idle < 3; idle += 1) {
        const records = await last.read();
        for (const record of records) seen.add(record);
        if (records.length > 0) idle = -1;
      }
      expect(seen.size).toBe(produced);
      expect((await last.post('offsets')).status).toBe(200);
      const ends = Object.values(await last.committed());
      expect(ends.reduce((total, end) => total + end, 0)).toBe(produced);
      for (const { faults } of apis) expect(faults).toEqual([]);
    },
  );
});
