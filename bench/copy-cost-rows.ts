import { partitionKey } from '../lib/partition/chunk.ts';
import type { Codecs } from '../lib/record/index.ts';
import { createCopier } from '../lib/replication/copy/create-copier.ts';
import { createMergedCopier } from '../lib/replication/merged/merged-copier.ts';
import { AWS_PRICES } from './aws-prices.ts';
import {
  type BenchCopies,
  type BenchRegion,
  benchCopies,
  openBenchRegion,
  type Spent,
} from './copied-regions.ts';
import type { Row } from './row.ts';

const GB = 1e9;
const SAMPLE_BYTES = 16e6;
/** At the tail every chunk costs the same. */
const TAIL_CHUNKS = 100;
/** Of sealed history that two regions have written. */
const MERGED_CHUNKS_MAX = 2_000;
const CHUNKS_KB = [1, 8, 64, 512];

/** What copying 1 GB to another region costs, against a reader of the source and a writer of the same chunks, each by itself. */
export async function copyCostRows(codecs: Codecs): Promise<Row[]> {
  const rows: Row[] = [];
  for (const chunkKb of CHUNKS_KB) {
    rows.push(await tailRow(codecs, chunkKb, 'a copy'), await bulkRow(codecs, chunkKb));
  }
  for (const chunkKb of CHUNKS_KB) {
    rows.push(await tailRow(codecs, chunkKb, 'merged'), await writtenInTurnsRow(codecs, chunkKb));
    rows.push(await mergedBulkRow(codecs, chunkKb));
  }
  return rows;
}

/** Each chunk is copied as soon as it is there. */
async function tailRow(codecs: Codecs, chunkKb: number, kind: 'a copy' | 'merged'): Promise<Row> {
  const [source, target] = await openRegions(codecs, chunkKb);
  const copies = kind === 'merged' ? mergedCopies(source, target) : copiesOf(source, target);
  await source.produce();
  await copies.next();
  const appended: Spent[] = [];
  const copied: Spent[] = [];
  for (let i = 0; i < TAIL_CHUNKS; i += 1) {
    appended.push(await source.produce());
    copied.push(await copies.next());
  }
  const read = await source.readAll();
  const merged = kind === 'merged' ? 'merged, ' : '';
  return costRow(`copying 1 GB at the tail, ${merged}chunks of ${chunkKb} KB`, { appended, copied, read });
}

async function bulkRow(codecs: Codecs, chunkKb: number): Promise<Row> {
  const [source, target] = await openRegions(codecs, chunkKb);
  const appended: Spent[] = [];
  for (let bytes = 0; bytes < SAMPLE_BYTES; bytes += chunkKb * 1_000) appended.push(await source.produce());
  await source.seal();
  const copied = await copiesOf(source, target).rest();
  const read = await source.readAll();
  return costRow(`copying 1 GB of sealed history, chunks of ${chunkKb} KB`, { appended, copied, read });
}

/**
 * Both regions are written in turns, and each has what the other has written at once: every put, of a copy or not, is lost
 * once to one of the other kind. What is lost has its price, for appends as for copies.
 */
async function writtenInTurnsRow(codecs: Codecs, chunkKb: number): Promise<Row> {
  const [west, east] = await openRegions(codecs, chunkKb);
  const both = inBoth(west, east);
  await both.write();
  const appended: Spent[] = [];
  const copied: Spent[] = [];
  for (let i = 0; i < TAIL_CHUNKS / 2; i += 1) {
    const written = await both.write();
    appended.push(...written.appended);
    copied.push(...written.copied);
  }
  const read = await west.readAll();
  return costRow(`copying 1 GB at the tail, merged, written in turns, chunks of ${chunkKb} KB`, {
    appended,
    copied,
    read,
  });
}

/** A third region is added when two have been written in turns for long: what the one has of the other is passed over. */
async function mergedBulkRow(codecs: Codecs, chunkKb: number): Promise<Row> {
  const [west, east] = await openRegions(codecs, chunkKb);
  const north = await openBenchRegion(codecs, chunkKb * 1_000);
  const both = inBoth(west, east);
  const appended: Spent[] = [];
  const rounds = Math.min(MERGED_CHUNKS_MAX, SAMPLE_BYTES / (chunkKb * 1_000)) / 2;
  for (let i = 0; i < rounds; i += 1) appended.push(...(await both.write()).appended);
  await west.seal();
  const copied = await mergedCopies(west, north).rest();
  const read = await west.readAll();
  return costRow(`copying 1 GB of sealed history, merged, written in turns, chunks of ${chunkKb} KB`, {
    appended,
    copied,
    read,
  });
}

const openRegions = (codecs: Codecs, chunkKb: number): Promise<readonly [BenchRegion, BenchRegion]> =>
  Promise.all([openBenchRegion(codecs, chunkKb * 1_000), openBenchRegion(codecs, chunkKb * 1_000)]);

const copiesOf = (source: BenchRegion, target: BenchRegion): BenchCopies =>
  benchCopies(createCopier({ source: source.parts, target: target.parts }), source, partitionKey('copy', 0));

const mergedCopies = (source: BenchRegion, target: BenchRegion): BenchCopies =>
  benchCopies(
    createMergedCopier({ source: source.parts, target: target.parts }, `of ${source.pk}`),
    source,
    target.pk,
  );

interface Written {
  readonly appended: readonly Spent[];
  readonly copied: readonly Spent[];
}

/** A chunk in each region, and the copy of it in the other. */
function inBoth(west: BenchRegion, east: BenchRegion): { readonly write: () => Promise<Written> } {
  const eastward = mergedCopies(west, east);
  const westward = mergedCopies(east, west);
  return {
    write: async () => ({
      appended: [await west.produce(), await east.produce()],
      copied: [await eastward.next(), await westward.next()],
    }),
  };
}

function costRow(
  what: string,
  spent: { readonly appended: readonly Spent[]; readonly copied: readonly Spent[]; readonly read: Spent },
): Row {
  const { regionGb } = AWS_PRICES;
  const direct = perGb([spent.read]) + perGb(spent.appended) + regionGb;
  const requests = perGb(spent.copied);
  return {
    what,
    bar: `<= 1.2 x one read + one append + bytes: $${direct.toFixed(3)}`,
    measured: `$${(requests + regionGb).toFixed(3)}: requests ${requests.toFixed(3)}, bytes ${regionGb.toFixed(3)}`,
    isMet: requests + regionGb <= 1.2 * direct,
  };
}

function perGb(spent: readonly Spent[]): number {
  const dollars = spent.reduce((total, one) => total + one.dollars, 0);
  const bytes = spent.reduce((total, one) => total + one.bytes, 0);
  return (dollars * GB) / bytes;
}
