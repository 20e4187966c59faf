import { join } from 'node:path';
import { openDirectoryBucket } from '../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { engineParts } from '../lib/open-log.ts';
import { loadCodecs } from '../lib/record/index.ts';
import { compactOnce } from '../lib/segment/compact/pass.ts';
import { Meter } from '../lib/storage/meter.ts';

/**
 * Compacts one partition of a stored log and prints how long it took and how far memory rose above what the process held
 * with everything open: `node bench/compaction-child.ts <folder> <partition key>`.
 */
const [folder = '', pk = ''] = process.argv.slice(2);
const clock = systemClock();
const random = systemRandom();
const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
const parts = engineParts({ ...tables, bucket, clock, random, codecs: await loadCodecs() });
const settings = {
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 86_400_000,
};

const startBytes = process.memoryUsage.rss();
const startedMs = clock.monotonicMs();
const call = { meter: new Meter(), deadlineMs: startedMs + 600_000 };
const outcome = await compactOnce(parts, pk, settings, call);
const ms = clock.monotonicMs() - startedMs;
// In KiB: what the system has counted, not samples.
const peakBytes = process.resourceUsage().maxRSS * 1_024 - startBytes;
tables.close();
console.log(JSON.stringify({ ms, peakBytes, outcome }));
