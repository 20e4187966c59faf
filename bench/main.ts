import { loadCodecs } from '../lib/record/index.ts';
import { catchUpRow } from './catch-up-row.ts';
import { compactionRows } from './compaction-rows.ts';
import { contentionRows } from './contention-rows.ts';
import { copyCostRows } from './copy-cost-rows.ts';
import { embeddedRows, growthRow } from './embedded-rows.ts';
import { exactRows } from './exact.ts';
import { exactSegmentRows } from './exact-segments.ts';
import { failOverRows } from './fail-over-rows.ts';
import { groupRows } from './group-rows.ts';
import { httpRow } from './http-rows.ts';
import { idleRows } from './idle-rows.ts';
import { lifeRows } from './life-rows.ts';
import { moduleRows } from './module-rows.ts';
import { pollRows } from './poll-rows.ts';
import { producerRows } from './producer-rows.ts';
import { pushRows } from './push-rows.ts';
import { printTable, type Row } from './row.ts';
import { segmentRows } from './segment-rows.ts';
import { translationRows } from './translation-rows.ts';

/**
 * `npm run bench`: one table. Requests, units and bytes are counted and must match; times are ratios against a
 * reference measured in the same run. Ends with exit code 1 if a bar is missed.
 */
const codecs = await loadCodecs();

const sections: readonly { readonly name: string; readonly run: () => Promise<readonly Row[]> }[] = [
  { name: 'requests and units', run: () => exactRows(codecs) },
  { name: 'idempotent producing', run: () => producerRows(codecs) },
  { name: 'consumer groups', run: () => groupRows(codecs) },
  { name: 'polling over HTTP', run: () => pollRows(codecs) },
  { name: 'pushing to a function', run: () => pushRows(codecs) },
  { name: 'requests of sealing and cold fetches', run: () => exactSegmentRows(codecs) },
  { name: 'cost of an idle stack', run: () => idleRows(codecs) },
  { name: 'whole life of a gigabyte', run: () => lifeRows(codecs) },
  { name: 'cost of copies in another region', run: () => copyCostRows(codecs) },
  { name: 'positions in another region', run: () => translationRows(codecs) },
  { name: 'fail-over of a group', run: () => failOverRows(codecs) },
  { name: 'contention on virtual time', run: () => contentionRows(codecs) },
  { name: 'embedded append and fetch', run: () => embeddedRows(codecs) },
  { name: 'fetch in a long log', run: async () => [await growthRow(codecs)] },
  { name: 'sealing and cold reads', run: () => segmentRows(codecs) },
  { name: 'catching up with another region', run: async () => [await catchUpRow(codecs)] },
  { name: 'compaction', run: () => compactionRows(codecs) },
  { name: 'HTTP', run: async () => [await httpRow()] },
  { name: 'function bundles', run: () => moduleRows() },
];

const rows: Row[] = [];
for (const { name, run } of sections) {
  process.stderr.write(`measuring ${name} …\n`);
  rows.push(...(await run()));
}
printTable(rows);
const missed = rows.filter((row) => !row.isMet);
console.log(missed.length === 0 ? '\nevery bar is met' : `\n${missed.length} bars are missed`);
process.exitCode = missed.length === 0 ? 0 : 1;
