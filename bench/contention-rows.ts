import type { Codecs } from '../lib/record/index.ts';
import { type Contention, independentWriters, longLivedWriters } from './contention.ts';
import type { Row } from './row.ts';

const SEED = 20_261_122;

const INDEPENDENT = [
  { perSecond: 50, attemptsMax: 1.4, p99MsMax: 30 },
  { perSecond: 100, attemptsMax: 2, p99MsMax: 50 },
  { perSecond: 150, attemptsMax: 3.2, p99MsMax: 100 },
] as const;

/** Writers that meet on one partition, 4 ms a request, on virtual time: the same figures in every run. */
export async function contentionRows(codecs: Codecs): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { perSecond, attemptsMax, p99MsMax } of INDEPENDENT) {
    const seen = await independentWriters(codecs, { perSecond, seconds: 60, seed: SEED });
    const attempts = seen.attemptCount / seen.requestCount;
    rows.push({
      what: `independent writers on one partition, ${perSecond}/s`,
      bar: `<= ${attemptsMax} attempts, p99 <= ${p99MsMax} ms, 0 lost or doubled`,
      measured: `${attempts.toFixed(2)} attempts, ${latencies(seen)}, ${seen.wrongCount} wrong`,
      isMet: attempts <= attemptsMax && seen.p99Ms <= p99MsMax && seen.wrongCount === 0,
    });
  }
  const load = { perSecond: 1_000, seconds: 20, seed: SEED };
  const one = await longLivedWriters(codecs, { ...load, processCount: 1 });
  const attemptsPerChunk = one.attemptCount / one.chunkCount;
  rows.push({
    what: 'group commit, 1,000 requests/s, one process',
    bar: '1.0 attempt per chunk, p99 <= 20 ms',
    measured: `${attemptsPerChunk.toFixed(2)} attempts per chunk, ${latencies(one)}, ${one.wrongCount} wrong`,
    isMet: attemptsPerChunk === 1 && one.p99Ms <= 20 && one.wrongCount === 0,
  });
  const four = await longLivedWriters(codecs, { ...load, processCount: 4 });
  const attemptsPerRequest = four.attemptCount / four.requestCount;
  rows.push({
    what: 'group commit, 1,000 requests/s, four processes',
    bar: '<= 0.8 attempts per request, p99 <= 100 ms',
    measured: `${attemptsPerRequest.toFixed(2)} attempts per request, ${latencies(four)}, ${four.wrongCount} wrong`,
    isMet: attemptsPerRequest <= 0.8 && four.p99Ms <= 100 && four.wrongCount === 0,
  });
  return rows;
}

function latencies(seen: Contention): string {
  return `p50 ${seen.p50Ms.toFixed(1)} ms, p99 ${seen.p99Ms.toFixed(1)} ms`;
}
