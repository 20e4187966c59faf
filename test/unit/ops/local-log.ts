import { join } from 'node:path';
import { openDirectoryBucket } from '../../../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { batchOf, codecs, newCall } from '../../support/log-on-memory.ts';

export interface LocalLog {
  readonly storage: LogOptions;
  readonly log: Log;
  readonly call: () => Call;
  /** To partition 0. */
  readonly produce: (topic: string, value: string) => Promise<unknown>;
  /** Everything there is in partition 0. */
  readonly seal: (topic: string) => Promise<unknown>;
}

/** Opens the store of a local node in this process for as long as `work` takes. */
export async function withLocalLog(dataDir: string, work: (log: LocalLog) => Promise<void>): Promise<void> {
  const clock = systemClock();
  const random = systemRandom();
  const tables = openSqliteTables({ path: join(dataDir, 'millrace.sqlite'), clock });
  try {
    const { hot, catalog } = tables;
    const bucket = openDirectoryBucket({ path: join(dataDir, 'objects'), clock, random });
    const storage: LogOptions = { hot, catalog, bucket, clock, random, codecs };
    const call = (): Call => newCall(clock);
    const log = await openLog(storage, call());
    await work({
      storage,
      log,
      call,
      produce: (topic, value) => log.produce({ topic, partition: 0, batches: batchOf(value) }, call()),
      seal: async (topic) => {
        const { topicId } = await log.describeTopic(topic, call());
        const settings = { segmentBytes: 14, segmentMs: 1, hotRetentionMs: 86_400_000 };
        return sealOnce(engineParts(storage), partitionKey(topicId, 0), settings, call());
      },
    });
  } finally {
    tables.close();
  }
}
