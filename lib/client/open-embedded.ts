import { join, resolve } from 'node:path';
import { openDirectoryBucket } from '../adapters/directory/index.ts';
import { openSqliteTables } from '../adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../adapters/system/index.ts';
import { startUpkeep } from '../local/upkeep.ts';
import { engineParts, type LogOptions } from '../open-log.ts';
import { loadCodecs } from '../record/codecs.ts';
import type { Millrace } from './millrace.ts';
import { openOnStorage } from './open-on-storage.ts';

export interface EmbeddedOptions {
  /** Made if it is not there. One process at a time. */
  readonly dataDir: string;
  /** Told of what goes wrong in the upkeep (sealing, retention, compaction), which is tried again. @default standard error */
  readonly onFault?: (doing: string, cause: unknown) => void;
}

/** Tables in one SQLite file, objects in a directory, and the upkeep that scheduled functions do on AWS. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Millrace> {
  const { onFault = printFault } = options;
  const clock = systemClock();
  const random = systemRandom();
  const dataDir = resolve(options.dataDir);
  const codecs = await loadCodecs();
  // The tables first: their lock covers the objects too.
  const tables = openSqliteTables({ path: join(dataDir, 'millrace.sqlite'), clock });
  try {
    const { hot, catalog } = tables;
    const bucket = openDirectoryBucket({ path: join(dataDir, 'objects'), clock, random });
    const storage: LogOptions = { hot, catalog, bucket, clock, random, codecs, readsAhead: true };
    const upkeep = startUpkeep({ parts: engineParts(storage), expiry: tables, clock, onFault });
    try {
      return await openOnStorage(storage, {
        close: async () => {
          await upkeep.stop();
          tables.close();
        },
      });
    } catch (error) {
      await upkeep.stop();
      throw error;
    }
  } catch (error) {
    tables.close();
    throw error;
  }
}

function printFault(doing: string, cause: unknown): void {
  console.error(`millrace fault: ${doing}:`, cause);
}
