import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { DemoRecord } from './ways.ts';

export interface Flights {
  /** How many `rows` yields. */
  readonly count: number;
  readonly rows: AsyncGenerator<readonly DemoRecord[]>;
}

interface FlightRow {
  readonly date: Date;
  readonly delay: bigint;
  readonly distance: bigint;
  readonly origin: string;
  readonly destination: string;
}

/** Rows that are objects at one time: a row group of 272,727 would take some 150 MB. */
const ROWS_PER_SLICE = 50_000;

/**
 * The first `countMax` of the 3,000,000 flights in the npm package vega-datasets, in the order of the file: keys are
 * origin airports, values the flights. Memory stays at one row group whatever the count.
 */
export async function openFlights(countMax: number): Promise<Flights> {
  const path = fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const count = Math.min(countMax, Number(metadata.num_rows));

  async function* rows(): AsyncGenerator<readonly DemoRecord[]> {
    let groupStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = Math.min(groupStart + Number(group.num_rows), count);
      if (rowEnd <= groupStart) return;
      const flights = (await parquetReadObjects({
        file,
        metadata,
        rowStart: groupStart,
        rowEnd,
        compressors: { ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes) },
      })) as unknown as FlightRow[];
      for (let at = 0; at < flights.length; at += ROWS_PER_SLICE) {
        yield flights.slice(at, at + ROWS_PER_SLICE).map(recordOf);
      }
      groupStart = rowEnd;
    }
  }
  return { count, rows: rows() };
}

/** 64-bit columns come as BigInt, which JSON does not know; minutes and miles are small. */
const recordOf = ({ date, delay, distance, origin, destination }: FlightRow): DemoRecord => ({
  key: JSON.stringify(origin),
  value: JSON.stringify({
    date: date.toISOString(),
    delay: Number(delay),
    distance: Number(distance),
    origin,
    destination,
  }),
});
