import type { Log } from '../lib/log.ts';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import type { Call } from '../lib/storage/call.ts';
import type { Usage } from '../lib/storage/meter.ts';
import { measure as measureOnce } from './measure.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

/** Every request takes exactly this long, so elapsed virtual time counts round trips. */
export const REQUEST_MS = 2;

export interface Measured {
  readonly usage: Usage;
  readonly roundTrips: number;
}

/** What single calls cost: counted, not timed. */
export async function exactRows(codecs: Codecs): Promise<Row[]> {
  const storage = virtualStorage(codecs, 1, { tableMs: REQUEST_MS, bucketMs: REQUEST_MS, varies: false });
  const log = (await measure(storage, (call) => openLog(storage.parts, call))).answer;
  const batch = (bytes: number): Uint8Array => batchOfBytes(codecs, bytes);
  await measure(storage, (call) => log.createTopic({ name: 't' }, call));
  const produce = async (bytes: number): Promise<Measured> =>
    measure(storage, (call) => log.produce({ topic: 't', partition: 0, batches: batch(bytes) }, call));
  await produce(200);

  const inline = await produce(900);
  const spilled = await produce(64 * 1024);
  const end = 3;
  await measure(storage, (call) => log.fetch({ topic: 't', partition: 0, offset: 0 }, call));
  const idle = await fetchAt(storage, log, end);
  await produce(900);
  const tail = await fetchAt(storage, log, end);
  return [
    row('warm inline produce, batch of 900 bytes', inline, '1 write, 1 WU, 0 reads, 0 S3, 1 round trip', {
      tableWrites: 1,
      writeUnits: 1,
      tableReads: 0,
      s3: 0,
      roundTrips: 1,
    }),
    row('spilled produce, batch of 64 KiB', spilled, '1 PUT, 1 write, 1 WU, 2 round trips', {
      tableWrites: 1,
      writeUnits: 1,
      tableReads: 0,
      s3: 1,
      roundTrips: 2,
    }),
    row('fetch at the tail', tail, '1 query, <= 0.5 RU', {
      tableReads: 1,
      readUnits: 0.5,
      s3: 0,
      roundTrips: 1,
    }),
    row('fetch with nothing new', idle, '1 query, <= 0.5 RU', {
      tableReads: 1,
      readUnits: 0.5,
      s3: 0,
      roundTrips: 1,
    }),
  ];
}

function fetchAt(storage: VirtualStorage, log: Log, offset: number): Promise<Measured> {
  return measure(storage, (call) => log.fetch({ topic: 't', partition: 0, offset }, call));
}

/** Runs virtual time until the call is answered. */
export async function measure<T>(
  storage: VirtualStorage,
  work: (call: Call) => Promise<T>,
): Promise<Measured & { readonly answer: T }> {
  const { answer, usage, elapsedMs } = await measureOnce(storage, work);
  return { answer, usage, roundTrips: Math.round(elapsedMs / REQUEST_MS) };
}

type Expected = Partial<Pick<Usage, 'tableWrites' | 'tableReads' | 'writeUnits' | 'readUnits'>> & {
  readonly s3: number;
  readonly roundTrips: number;
};

export function row(what: string, { usage, roundTrips }: Measured, bar: string, expected: Expected): Row {
  const s3 = usage.objectPuts + usage.objectGets + usage.objectLists;
  const seen: Record<string, number> = { ...usage, s3, roundTrips };
  const isMet = Object.entries(expected).every(([name, value]) => seen[name] === value);
  const measured = [
    `${usage.tableWrites} write`,
    `${usage.writeUnits} WU`,
    `${usage.tableReads} read`,
    `${usage.readUnits} RU`,
    `${s3} S3`,
    `${roundTrips} round trip${roundTrips === 1 ? '' : 's'}`,
  ].join(', ');
  return { what, bar, measured, isMet };
}

/** A batch of one record that is exactly this long. */
function batchOfBytes(codecs: Codecs, bytes: number): Uint8Array {
  for (let valueBytes = bytes - 80; valueBytes < bytes; valueBytes += 1) {
    const record = {
      key: null,
      value: new Uint8Array(valueBytes),
      headers: [],
      timestampMs: 1_700_000_000_000,
    };
    const batch = encodeBatch(codecs, [record], { compression: 'none' });
    if (batch.length === bytes) return batch;
  }
  throw new RangeError(`no batch is ${bytes} bytes long`);
}
