import { loadCodecs } from '../lib/record/index.ts';
import { openFolderLog, seal } from './segment-log.ts';

/**
 * Seals once what lies in the folder that is named, and prints what it used. A process of its own, because only the
 * system knows the true peak of a process's memory.
 */
const [folder = '', segmentBytes = ''] = process.argv.slice(2);
const log = await openFolderLog(await loadCodecs(), folder);
global.gc?.();
const startBytes = process.memoryUsage.rss();
const outcome = await seal(log, { segmentBytes: Number(segmentBytes) });
const peakBytes = process.resourceUsage().maxRSS * 1_024 - startBytes;
log.close();
if (outcome.kind !== 'sealed') throw new Error(`nothing was sealed: ${outcome.kind}`);
console.log(JSON.stringify({ segmentBytes: outcome.segment.bytes, peakBytes }));
