import { memoryBucket, memoryTable } from '../lib/adapters/memory/index.ts';
import type { Log } from '../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../lib/open-log.ts';
import { partitionKey } from '../lib/partition/chunk.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import type { PartitionCopier } from '../lib/replication/copy/copier.ts';
import { createCopier } from '../lib/replication/copy/create-copier.ts';
import { sealOnce } from '../lib/segment/seal/seal.ts';
import type { Call } from '../lib/storage/call.ts';
import { dollarsOf, Meter } from '../lib/storage/meter.ts';
import { observeNow } from '../lib/storage/observation.ts';
import { AWS_PRICES } from './aws-prices.ts';
import type { Row } from './row.ts';
import { clock, random } from './segment-log.ts';

const GB = 1e9;
const SAMPLE_BYTES = 16e6;
/** At the tail every chunk costs the same. */
const TAIL_CHUNKS = 100;
const FETCH_BYTES = 8_388_608;
const SETTINGS = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };

/** What copying 1 GB to another region costs, against a reader of the source and a writer of the same chunks, each by itself. */
export async function copyCostRows(codecs: Codecs): Promise<Row[]> {
  const rows: Row[] = [];
  for (const chunkKb of [1, 8, 64, 512]) {
    rows.push(await tailRow(codecs, chunkKb), await bulkRow(codecs, chunkKb));
  }
  return rows;
}

/** Dollars and bytes of some work. */
interface Spent {
  readonly dollars: number;
  readonly bytes: number;
}

/** Each chunk is copied as soon as it is there. */
async function tailRow(codecs: Codecs, chunkKb: number): Promise<Row> {
  const regions = await openRegions(codecs, chunkKb * 1_000);
  const copier = regions.copier();
  await regions.produce();
  await regions.copy(copier);
  const appended: Spent[] = [];
  const copied: Spent[] = [];
  for (let i = 0; i < TAIL_CHUNKS; i += 1) {
    appended.push(await regions.produce());
    copied.push(await regions.copy(copier));
  }
  const read = await regions.readAll();
  return costRow(`copying 1 GB at the tail, chunks of ${chunkKb} KB`, { appended, copied, read });
}

async function bulkRow(codecs: Codecs, chunkKb: number): Promise<Row> {
  const regions = await openRegions(codecs, chunkKb * 1_000);
  const appended: Spent[] = [];
  for (let bytes = 0; bytes < SAMPLE_BYTES; bytes += chunkKb * 1_000) appended.push(await regions.produce());
  await regions.seal();
  const copier = regions.copier();
  const copied: Spent[] = [];
  for (;;) {
    const step = await regions.copy(copier);
    copied.push(step);
    if (step.bytes === 0) break;
  }
  const read = await regions.readAll();
  return costRow(`copying 1 GB of sealed history, chunks of ${chunkKb} KB`, { appended, copied, read });
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

interface Regions {
  produce(): Promise<Spent>;
  copier(): PartitionCopier;
  copy(copier: PartitionCopier): Promise<Spent>;
  seal(): Promise<void>;
  /** From the beginning to the end, by a process that knows nothing yet. */
  readAll(): Promise<Spent>;
}

function memoryRegion(codecs: Codecs): LogOptions {
  const tables = { hot: memoryTable<number>({ clock }), catalog: memoryTable<string>({ clock }) };
  return { ...tables, bucket: memoryBucket({ clock }), clock, random, codecs };
}

const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 });

async function openRegions(codecs: Codecs, chunkBytes: number): Promise<Regions> {
  const storage = memoryRegion(codecs);
  const source = engineParts(storage);
  const target = engineParts(memoryRegion(codecs));
  const log = await openLog(storage, newCall());
  const { topicId } = await log.createTopic({ name: 't' }, newCall());
  const pk = partitionKey(topicId, 0);
  const place = {
    sourcePk: pk,
    targetPk: partitionKey('copy', 0),
    sourceTopic: 't',
    start: 'earliest',
  } as const;
  // A batch of one record takes some 75 bytes more than its value.
  const record = { key: null, value: new Uint8Array(chunkBytes - 75), headers: [], timestampMs: 1e12 };
  const batch = encodeBatch(codecs, [record], { compression: 'none' });
  return {
    produce: async () => {
      const call = newCall();
      await log.produce({ topic: 't', partition: 0, batches: batch }, call);
      return { dollars: dollarsOf(call.meter.usage), bytes: batch.length };
    },
    copier: () => createCopier({ source, target }).partition(place),
    copy: async (copier) => {
      const call = newCall();
      const outcome = await copier.copyOnce({ settings: SETTINGS, topicSeen: observeNow(clock) }, call);
      const bytes = outcome.kind === 'copied' ? outcome.bytes : 0;
      return { dollars: dollarsOf(call.meter.usage), bytes };
    },
    seal: async () => {
      const settings = {
        segmentBytes: 67_108_864,
        segmentMs: -1_000,
        hotRetentionMs: SETTINGS.hotRetentionMs,
      };
      await sealOnce(source, pk, settings, newCall());
    },
    readAll: async () => readAll(await openLog(storage, newCall())),
  };
}

async function readAll(log: Log): Promise<Spent> {
  const call = newCall();
  let bytes = 0;
  for (let offset = 0; ; ) {
    const read = await log.fetch({ topic: 't', partition: 0, offset, maxBytes: FETCH_BYTES }, call);
    for (const batch of read.batches) bytes += batch.length;
    if (read.nextOffset === offset) return { dollars: dollarsOf(call.meter.usage), bytes };
    offset = read.nextOffset;
  }
}
