import type { Log } from '../lib/log.ts';
import { openLog } from '../lib/open-log.ts';
import { partitionKey } from '../lib/partition/chunk.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import { sealOnce } from '../lib/segment/seal/seal.ts';
import { type Measured, measure, REQUEST_MS, row } from './exact.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

const TOPIC = 't';
const SEALED_BYTES = 64 * 1_048_576;
const CHUNK_BYTES = 131_072;
const SEGMENTS = 3;
const CHUNKS_PER_SEGMENT = 8;
const DAY_MS = 86_400_000;
const READ_UNIT_BYTES = 4_096;

/** What sealing and cold fetches cost: counted, not timed. */
export async function exactSegmentRows(codecs: Codecs): Promise<Row[]> {
  return [...(await coldFetchRows(codecs)), await sealRow(codecs)];
}

interface Opened {
  readonly storage: VirtualStorage;
  readonly log: Log;
  readonly pk: string;
}

/** Chunks lie inline, so that what is read of the hot table has the price of the bytes. */
async function opened(codecs: Codecs): Promise<Opened> {
  const storage = virtualStorage(codecs, 1, { tableMs: REQUEST_MS, bucketMs: REQUEST_MS, varies: false });
  const log = (await measure(storage, (call) => openLog(storage.parts, call))).answer;
  const configs = { 'hot.inline.max.bytes': '262144' };
  const topic = await measure(storage, (call) => log.createTopic({ name: TOPIC, configs }, call));
  return { storage, log, pk: partitionKey(topic.answer.topicId, 0) };
}

async function produce({ storage, log }: Opened, codecs: Codecs, count: number): Promise<void> {
  const record = {
    key: null,
    value: new Uint8Array(CHUNK_BYTES),
    headers: [],
    timestampMs: 1_700_000_000_000,
  };
  const batches = encodeBatch(codecs, [record], { compression: 'none' });
  for (let i = 0; i < count; i += 1) {
    await measure(storage, (call) => log.produce({ topic: TOPIC, partition: 0, batches }, call));
  }
}

async function seal({ storage, pk }: Opened): Promise<Measured & { readonly segmentBytes: number }> {
  const settings = { segmentBytes: SEALED_BYTES, segmentMs: -1_000, hotRetentionMs: 7 * DAY_MS };
  const sealed = await measure(storage, (call) => sealOnce(storage.parts, pk, settings, call));
  if (sealed.answer.kind !== 'sealed') throw new Error(`not sealed: ${sealed.answer.kind}`);
  return { ...sealed, segmentBytes: sealed.answer.segment.bytes };
}

async function coldFetchRows(codecs: Codecs): Promise<Row[]> {
  const here = await opened(codecs);
  for (let i = 0; i < SEGMENTS; i += 1) {
    await produce(here, codecs, CHUNKS_PER_SEGMENT);
    await seal(here);
  }
  const log = (await measure(here.storage, (call) => openLog(here.storage.parts, call))).answer;
  const fetchAt = (offset: number): Promise<Measured> =>
    measure(here.storage, (call) =>
      log.fetch({ topic: TOPIC, partition: 0, offset, maxBytes: CHUNK_BYTES }, call),
    );
  // The topic and the ends of the log are known then.
  await fetchAt(0);
  const unknown = await fetchAt(CHUNKS_PER_SEGMENT);
  const known = await fetchAt(CHUNKS_PER_SEGMENT + 4);
  return [
    row('cold fetch, metadata warm', known, '1 GET, 1 round trip', { tableReads: 0, s3: 1, roundTrips: 1 }),
    row('cold fetch, segment item not known', unknown, '1 query, 1 GET', {
      tableReads: 1,
      readUnits: 0.5,
      s3: 1,
      roundTrips: 2,
    }),
  ];
}

async function sealRow(codecs: Codecs): Promise<Row> {
  const here = await opened(codecs);
  await produce(here, codecs, SEALED_BYTES / CHUNK_BYTES);
  const { usage, segmentBytes } = await seal(here);
  const { objectPuts, objectGets, tableWrites, readUnits } = usage;
  const ratio = readUnits / (segmentBytes / READ_UNIT_BYTES);
  return {
    what: 'seal of 64 MiB of inline chunks',
    bar: '1 PUT, 1 catalog write, 0 GET, reads <= 1.02 x the price of the bytes',
    measured: `${objectPuts} PUT, ${tableWrites} write, ${objectGets} GET, ${ratio.toFixed(3)} x`,
    isMet: objectPuts === 1 && tableWrites === 1 && objectGets === 0 && ratio <= 1.02,
  };
}
