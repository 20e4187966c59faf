import type { Client } from './client.ts';
import { type Direction, direction } from './direction.ts';
import { createLedger, differences, type Ledger } from './ledger.ts';
import {
  type Contents,
  type JobPlace,
  lookInto,
  type OnRound,
  runUntilDone,
  sealEverything,
} from './life-jobs.ts';
import { both, type LifeSource, openLifeSource } from './life-source.ts';
import { compactionDifferences, createNewest, type Newest } from './newest.ts';
import { PARTITION_COUNT, type PassOptions } from './pass.ts';
import { startProgress } from './progress.ts';
import { type Reading, readAll } from './read-back.ts';
import { sendAll } from './send.ts';
import { createTraffic } from './traffic.ts';
import type { WayName } from './ways.ts';

/** The whole life of the records: produced, sealed, read, compacted, read again. */
export interface Life {
  readonly way: WayName;
  readonly topic: string;
  readonly sent: Ledger;
  readonly read: Ledger;
  readonly left: Newest;
  /** In their order. */
  readonly phases: readonly Phase[];
  readonly contents: Readonly<Record<'produced' | 'sealed' | 'compacted', Contents>>;
  /** Of the read-back across segments and what is not sealed yet. */
  readonly orderProblems: readonly string[];
  /** Of the read-back after compaction. */
  readonly newestProblems: readonly string[];
}

export interface Phase extends Direction {
  readonly name: string;
  /** What went through: keys and values of records that were sent or read, stored batches elsewhere. */
  readonly bytes: number;
  readonly problems: readonly string[];
}

export interface LifeOptions extends PassOptions {
  /** Makes sure that nobody answers from what was cached before, and gives the client to go on with. */
  readonly startAfresh: () => Promise<Client>;
}

/** About so many segments become of a partition; what is left at its end is too small for another. */
const SEGMENTS_PER_PARTITION = 8;
const SEGMENT_BYTES_MIN = 1_024;
const SEGMENT_BYTES_MAX = 16_777_216;

/** Everything is sealed, at any size, and compacted as long as anything is dirty. */
const COMPACTED = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'segment.ms': '1' };

type Common = Pick<Reading, 'client' | 'topic' | 'partitionCount' | 'way'>;

export async function runLife(client: Client, options: LifeOptions): Promise<Life> {
  const { wayName, way } = options;
  const name = wayName === 'batches' ? 'flights-life' : `flights-life-${wayName}`;
  const topic = await client.createTopic(name, PARTITION_COUNT);
  const common = { client, topic, partitionCount: PARTITION_COUNT, way };
  const place = { client, topic, counter: createTraffic() };
  const source = await openLifeSource(options.recordCount);
  const { sent } = source;

  const produce = await produceAll(common, source, options.recordsPerRequest);
  const produced = await look(place, source.count);

  await client.alterConfigs(topic, { 'segment.bytes': String(segmentBytes(produced)) });
  const seal = await runJobs(place, { name: 'seal', bytes: produced.bytes, run: sealDue });
  const sealed = await look(place, source.count);
  const read = createLedger(PARTITION_COUNT);
  const first = createNewest(PARTITION_COUNT);
  const reading = await readBack(common, { name: 'read', ledger: both(read, first) }, source.count);

  await client.alterConfigs(topic, COMPACTED);
  const unsealedBytes = produced.bytes - seal.bytes;
  const sealRest = await runJobs(place, { name: 'seal rest', bytes: unsealedBytes, run: sealEverything });
  const compact = await runJobs(place, { name: 'compact', bytes: produced.bytes, run: compactDue });
  const compacted = await look(place, sent.keyCount);
  const left = createNewest(PARTITION_COUNT);
  const again = { name: 'read again', ledger: left, mayHaveGaps: true };
  // Readers may go on with the segments they know for a while: what they were is still right, only more than needed.
  const afresh = { ...common, client: await options.startAfresh() };
  const readingAgain = await readBack(afresh, again, source.count);

  return {
    way: wayName,
    topic,
    sent,
    read,
    left,
    phases: [
      { ...produce, bytes: sent.bytes },
      seal,
      { ...reading, bytes: read.bytes },
      sealRest,
      compact,
      { ...readingAgain, bytes: left.bytes },
    ],
    contents: { produced, sealed, compacted },
    orderProblems: [
      ...[produce, produced, seal, sealed, reading].flatMap(({ problems }) => problems),
      ...differences({ sent, read }),
    ],
    newestProblems: [
      ...[sealRest, compact, compacted, readingAgain].flatMap(({ problems }) => problems),
      ...compactionDifferences({ sent: source.sentNewest, first, after: left }),
    ],
  };
}

const segmentBytes = ({ bytes }: Contents): number =>
  Math.round(
    Math.min(
      SEGMENT_BYTES_MAX,
      Math.max(SEGMENT_BYTES_MIN, bytes / PARTITION_COUNT / SEGMENTS_PER_PARTITION),
    ),
  );

const labelOf = (name: string): string => name.padEnd('read again'.length);

async function produceAll(
  common: Common,
  { count, rows, ledger }: LifeSource,
  recordsPerRequest: number,
): Promise<Omit<Phase, 'bytes'>> {
  const name = 'produce';
  const done = await direction({ label: labelOf(name), total: count }, (counter, onStored) =>
    sendAll(rows, { ...common, recordsPerRequest, counter, ledger, onStored }),
  );
  return { ...done, name };
}

async function readBack(
  common: Common,
  { name, ...options }: Pick<Reading, 'ledger' | 'mayHaveGaps'> & { readonly name: string },
  total: number,
): Promise<Omit<Phase, 'bytes'>> {
  const unit = options.mayHaveGaps === true ? 'offsets' : 'records';
  const done = await direction({ label: labelOf(name), total, unit }, (counter, onRead) =>
    readAll({ ...common, ...options, counter, onRead }),
  );
  return { ...done, name };
}

async function look(place: JobPlace, recordCount: number): Promise<Contents> {
  const progress = startProgress(process.stdout, { label: labelOf('verify'), total: recordCount });
  try {
    const contents = await lookInto(place);
    progress.add(contents.recordCount);
    return contents;
  } finally {
    progress.end();
  }
}

async function runJobs(
  place: Omit<JobPlace, 'counter'>,
  options: {
    readonly name: string;
    /** What there is to go through, for the bar. */
    readonly bytes: number;
    readonly run: (place: JobPlace, onRound: OnRound) => Promise<readonly string[]>;
  },
): Promise<Phase> {
  const { name, bytes: total, run } = options;
  let bytes = 0;
  const done = await direction({ label: labelOf(name), total, unit: 'bytes' }, (counter, onDone) =>
    run({ ...place, counter }, ({ sealedBytes = 0, bytesBefore = 0 }) => {
      bytes += sealedBytes + bytesBefore;
      onDone(sealedBytes + bytesBefore);
    }),
  );
  return { ...done, name, bytes };
}

const sealDue = (place: JobPlace, onRound: OnRound): Promise<readonly string[]> =>
  runUntilDone(place, 'seal', onRound);

const compactDue = (place: JobPlace, onRound: OnRound): Promise<readonly string[]> =>
  runUntilDone(place, 'compact', onRound);
