import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryBucket } from '../../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../../lib/adapters/sqlite/index.ts';
import { systemRandom } from '../../lib/adapters/system/index.ts';
import { startUpkeep } from '../../lib/local/upkeep.ts';
import { engineParts, openLog } from '../../lib/open-log.ts';
import { batchOf, codecs, newCall, textOf } from '../support/log-on-memory.ts';
import { manualClock } from '../tools/manual-clock.ts';

let dataDir = '';
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-sealed-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

describe('the local node', () => {
  it('keeps sealed segments under its data directory as files that end in .log, and reads on from them', async () => {
    const clock = manualClock();
    const random = systemRandom();
    const tables = openSqliteTables({ path: join(dataDir, 'millrace.sqlite'), clock });
    const bucket = openDirectoryBucket({ path: join(dataDir, 'objects'), clock, random });
    const storage = { hot: tables.hot, catalog: tables.catalog, bucket, clock, random, codecs };
    const parts = engineParts(storage);
    const log = await openLog(storage, newCall(clock));
    const faults: unknown[] = [];
    const upkeep = startUpkeep({
      parts,
      expiry: tables,
      clock,
      onFault: (doing, cause) => faults.push(doing, cause),
    });
    try {
      const configs = { 'segment.ms': '1000', 'retention.ms': '-1' };
      await log.createTopic({ name: 't', configs }, newCall(clock));
      await log.produce({ topic: 't', partition: 0, batches: batchOf('a', 'b') }, newCall(clock));
      const sealed = async (): Promise<string[]> =>
        (await readdir(join(dataDir, 'objects'), { recursive: true })).filter((name) =>
          name.endsWith('.log'),
        );
      // Virtual minutes: each turn of the loop is one of the timer's.
      await expect
        .poll(async () => {
          clock.advance(60_000);
          return (await sealed()).length;
        })
        .toBe(1);
      const { topicId } = await log.describeTopic('t', newCall(clock));
      const [name = ''] = await sealed();
      expect(name.startsWith(join('segments', topicId, '0'))).toBe(true);
      expect(name.endsWith('00000000000000000000.log')).toBe(true);
      const { batches } = await log.fetch({ topic: 't', partition: 0, offset: 0 }, newCall(clock));
      expect(textOf(batches)).toEqual(['0:a', '1:b']);
    } finally {
      await upkeep.stop();
      tables.close();
    }
    expect(faults).toEqual([]);
  });
});
