import type { Codecs } from '../lib/record/index.ts';
import { createMergedCopier } from '../lib/replication/merged/merged-copier.ts';
import {
  createPositionTranslator,
  type PositionTranslator,
} from '../lib/replication/merged/translate-position.ts';
import { dollarsOf, Meter, type Usage } from '../lib/storage/meter.ts';
import { type BenchRegion, benchCopies, openBenchRegion } from './copied-regions.ts';
import type { Row } from './row.ts';
import { clock } from './segment-log.ts';

const CHUNK_BYTES = 1_000;
const READS_MAX = 40;

/** What it takes to find the position of one region's group in another, in a merged topic that both write in turns. */
export async function translationRows(codecs: Codecs): Promise<Row[]> {
  return [
    await translationRow(codecs, { chunks: 200, isSealed: false }),
    await translationRow(codecs, { chunks: 4_000, isSealed: false }),
    await translationRow(codecs, { chunks: 4_000, isSealed: true }),
  ];
}

interface History {
  readonly chunks: number;
  readonly isSealed: boolean;
}

async function translationRow(codecs: Codecs, { chunks, isSealed }: History): Promise<Row> {
  const [west, east] = [
    await openBenchRegion(codecs, CHUNK_BYTES),
    await openBenchRegion(codecs, CHUNK_BYTES),
  ];
  const eastward = benchCopies(
    createMergedCopier({ source: west.parts, target: east.parts }, 'west'),
    west,
    east.pk,
  );
  const westward = benchCopies(
    createMergedCopier({ source: east.parts, target: west.parts }, 'east'),
    east,
    west.pk,
  );
  for (let i = 0; i < chunks; i += 2) {
    await Promise.all([west.produce(), east.produce()]);
    await eastward.next();
    await westward.next();
  }
  if (isSealed) await Promise.all([west.seal(), east.seal()]);
  const translator = createPositionTranslator({
    source: { ...west.parts, alias: 'west' },
    target: { ...east.parts, alias: 'east' },
  });
  const cold = await usageOf(translator, { west, east, offset: chunks / 2 + 1 });
  const known = await usageOf(translator, { west, east, offset: chunks / 2 + 1 });
  const where = isSealed ? 'sealed chunks' : 'chunks';
  return {
    what: `translating a position, merged, ${chunks.toLocaleString('en')} ${where}`,
    bar: `<= ${READS_MAX} small reads, nothing else; none when it is known`,
    measured: `${cold.tableReads} reads, ${cold.readUnits} RU, $${(dollarsOf(cold) * 1e6).toFixed(1)} a million; ${known.tableReads}`,
    isMet:
      cold.tableReads <= READS_MAX &&
      cold.readUnits <= 2 * READS_MAX &&
      isReadOnly(cold) &&
      known.tableReads === 0,
  };
}

async function usageOf(
  translator: PositionTranslator,
  { west, east, offset }: { readonly west: BenchRegion; readonly east: BenchRegion; readonly offset: number },
): Promise<Usage> {
  const call = { meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 };
  await translator.translate({ sourcePk: west.pk, targetPk: east.pk }, { offset }, call);
  return call.meter.usage;
}

const isReadOnly = ({ tableWrites, objectPuts, objectGets, objectLists }: Usage): boolean =>
  tableWrites + objectPuts + objectGets + objectLists === 0;
