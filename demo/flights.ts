import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import type { DemoRecord } from './ways.ts';

export interface Flights {
  /** How many `rows` yields. */
  readonly count: number;
  readonly rows: AsyncGenerator<readonly DemoRecord[]>;
}

/** The airport a flight leaves from, or both of its airports: `"LAX"`, `"LAX-SFO"`. */
export type FlightKey = 'origin' | 'route';

/** Rows that are records at one time. */
const ROWS_PER_SLICE = 10_000;

/**
 * The first `countMax` of the 3,000,000 flights in the npm package vega-datasets, in the order of the file: values are
 * the flights. Memory stays at the columns of one row group, 272,727 rows, whatever the count: with an object for every
 * row, and two groups at a time while the next one is unpacked, it would take several times as much.
 */
export async function openFlights(countMax: number, key: FlightKey = 'origin'): Promise<Flights> {
  const path = fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const count = Math.min(countMax, Number(metadata.num_rows));

  async function* rows(): AsyncGenerator<readonly DemoRecord[]> {
    let columns: Columns = {};
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = Math.min(start + Number(group.num_rows), count);
      if (end <= start) return;
      // The last group's are let go before the next ones are there.
      columns = {};
      columns = await readColumns({ file, metadata }, { start, end });
      for (let at = 0; at < end - start; at += ROWS_PER_SLICE) {
        const length = Math.min(ROWS_PER_SLICE, end - start - at);
        yield Array.from({ length }, (_, index) => recordAt(columns, at + index, key));
      }
      start = end;
    }
  }
  return { count, rows: rows() };
}

/** Cells by column and row. */
type Columns = Record<string, unknown[]>;

async function readColumns(
  source: { readonly file: Awaited<ReturnType<typeof asyncBufferFromFile>>; readonly metadata: FileMetaData },
  { start, end }: { readonly start: number; readonly end: number },
): Promise<Columns> {
  const columns: Columns = {};
  await parquetRead({
    ...source,
    rowStart: start,
    rowEnd: end,
    compressors: { ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes) },
    onChunk: ({ columnName, columnData, rowStart }) => {
      columns[columnName] ??= new Array(end - start);
      const cells = columns[columnName];
      const length = Math.min(columnData.length, end - rowStart);
      for (let at = 0; at < length; at += 1) cells[rowStart - start + at] = columnData[at];
    },
  });
  return columns;
}

/** 64-bit columns come as BigInt, which JSON does not know; minutes and miles are small. */
function recordAt(columns: Columns, at: number, key: FlightKey): DemoRecord {
  const date = columns.date?.[at] as Date;
  const origin = columns.origin?.[at] as string;
  const destination = columns.destination?.[at] as string;
  return {
    key: JSON.stringify(key === 'origin' ? origin : `${origin}-${destination}`),
    value: JSON.stringify({
      date: date.toISOString(),
      delay: Number(columns.delay?.[at]),
      distance: Number(columns.distance?.[at]),
      origin,
      destination,
    }),
  };
}
