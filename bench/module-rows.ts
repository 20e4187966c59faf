import { measureModuleLoad } from './module-load.ts';
import type { Row } from './row.ts';

const BUNDLE_BYTES_MAX = 1_000_000;
const LOAD_RATIO_MAX = 1.5;

/** What a cold start pays for: the size of each function's bundle and the time to load it. */
export async function moduleRows(): Promise<Row[]> {
  const loads = await measureModuleLoad();
  return loads.map(({ name, size, ratioToBare }) => ({
    what: `function ${name}: bundle; module load`,
    bar: '<= 1 MB minified; <= 1.5 x the CPU time of a bare one with the same SDK clients',
    measured: `${kilobytes(size.loadedBytes)} of ${kilobytes(size.totalBytes)} KB; ${ratioToBare.toFixed(2)} x`,
    isMet: size.totalBytes <= BUNDLE_BYTES_MAX && ratioToBare <= LOAD_RATIO_MAX,
  }));
}

const kilobytes = (bytes: number): number => Math.round(bytes / 1_000);
