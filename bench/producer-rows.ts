import { LIMITS } from '../lib/limits.ts';
import type { Log } from '../lib/log.ts';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import type { Table } from '../lib/storage/table.ts';
import { type Measured, measure, REQUEST_MS, row } from './exact.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

const CHUNKS = 100_000;
const PRODUCER_ID = 7;

/** What idempotent producing costs: counted, not timed. */
export async function producerRows(codecs: Codecs): Promise<Row[]> {
  const plain = await warmAppend(codecs, () => undefined);
  const numbered = await warmAppend(codecs, (sequence) => sequence);
  const same = JSON.stringify(plain) === JSON.stringify(numbered);
  const warm = row('warm idempotent produce, batch of 900 bytes', numbered, 'as a plain one: 1 write, 1 WU', {
    tableWrites: 1,
    writeUnits: 1,
    tableReads: 0,
    s3: 0,
    roundTrips: 1,
  });
  return [
    { ...warm, isMet: warm.isMet && same },
    await coldRow(codecs, 'all with a producer id', (index) => index),
    await coldRow(codecs, 'all but the first without', (index) => (index === 0 ? 0 : undefined)),
  ];
}

type SequenceOf = (index: number) => number | undefined;

async function warmAppend(codecs: Codecs, sequenceOf: SequenceOf): Promise<Measured> {
  const storage = oneSpeedStorage(codecs);
  const log = await newLog(storage);
  let last: Measured | undefined;
  for (let index = 0; index < 3; index += 1) {
    last = await append(storage, log, batchOf(codecs, { bytes: 900, sequence: sequenceOf(index) }));
  }
  if (last === undefined) throw new Error('nothing was measured');
  return { usage: last.usage, roundTrips: last.roundTrips };
}

/** The first append with a producer id of a process that knows nothing, behind many chunks. */
async function coldRow(codecs: Codecs, what: string, sequenceOf: SequenceOf): Promise<Row> {
  const storage = oneSpeedStorage(codecs);
  const log = await newLog(storage);
  let next = 0;
  for (let index = 0; index < CHUNKS; index += 1) {
    const sequence = sequenceOf(index);
    if (sequence !== undefined) next = sequence + 1;
    await append(storage, log, batchOf(codecs, { bytes: 0, sequence }));
  }
  const counted = countingItems(storage.parts.hot);
  const catalog = countingItems(storage.parts.catalog);
  const parts = { ...storage.parts, hot: counted.table, catalog: catalog.table };
  const cold = await measure(storage, (call) => openLog(parts, call));
  counted.reset();
  catalog.reset();
  const { usage, roundTrips } = await append(
    storage,
    cold.answer,
    batchOf(codecs, { bytes: 0, sequence: next }),
  );
  const snapshotReads = catalog.keys.filter((pk) => pk.startsWith('producers#')).length;
  const duplicate = await append(storage, cold.answer, batchOf(codecs, { bytes: 0, sequence: next }));
  // The newest chunk is read for the tail, whoever appends.
  const chunksRead = counted.items - 1;
  return {
    what: `cold idempotent produce behind ${CHUNKS.toLocaleString('en')} chunks, ${what}`,
    bar: `<= 1 snapshot read, <= ${LIMITS.producerReplayChunksMax} chunks replayed`,
    measured: `${snapshotReads} snapshot read, ${chunksRead} chunks replayed, ${usage.tableWrites} write, ${usage.tableReads} read, ${roundTrips} round trips`,
    isMet:
      snapshotReads <= 1 &&
      chunksRead <= LIMITS.producerReplayChunksMax &&
      duplicate.answer.duplicate &&
      duplicate.answer.baseOffset === CHUNKS,
  };
}

function oneSpeedStorage(codecs: Codecs): VirtualStorage {
  return virtualStorage(codecs, 1, { tableMs: REQUEST_MS, bucketMs: REQUEST_MS, varies: false });
}

async function newLog(storage: VirtualStorage): Promise<Log> {
  const { answer: log } = await measure(storage, (call) => openLog(storage.parts, call));
  await measure(storage, (call) => log.createTopic({ name: 't' }, call));
  return log;
}

function append(
  storage: VirtualStorage,
  log: Log,
  batches: Uint8Array,
): ReturnType<typeof measure<Awaited<ReturnType<Log['produce']>>>> {
  return measure(storage, (call) => log.produce({ topic: 't', partition: 0, batches }, call));
}

/** A batch of one record, exactly this long where that is possible; without a sequence it has no producer id. */
function batchOf(
  codecs: Codecs,
  { bytes, sequence }: { readonly bytes: number; readonly sequence: number | undefined },
): Uint8Array {
  const options = {
    compression: 'none',
    ...(sequence === undefined
      ? {}
      : { producer: { producerId: PRODUCER_ID, producerEpoch: 0, baseSequence: sequence } }),
  } as const;
  for (let valueBytes = Math.max(0, bytes - 80); ; valueBytes += 1) {
    const record = {
      key: null,
      value: new Uint8Array(valueBytes),
      headers: [],
      timestampMs: 1_700_000_000_000,
    };
    const batch = encodeBatch(codecs, [record], options);
    if (batch.length >= bytes) return batch;
  }
}

interface CountingItems<S extends number | string> {
  readonly table: Table<S>;
  readonly items: number;
  /** Partition keys that were asked for. */
  readonly keys: readonly string[];
  reset(): void;
}

function countingItems<S extends number | string>(table: Table<S>): CountingItems<S> {
  let items = 0;
  let keys: string[] = [];
  return {
    get items() {
      return items;
    },
    get keys() {
      return keys;
    },
    reset() {
      items = 0;
      keys = [];
    },
    table: {
      ...table,
      get: async (key, options, call) => {
        keys.push(key.pk);
        const got = await table.get(key, options, call);
        items += got.item === undefined ? 0 : 1;
        return got;
      },
      query: async (pk, range, call) => {
        keys.push(pk);
        const page = await table.query(pk, range, call);
        items += page.items.length;
        return page;
      },
    },
  };
}
