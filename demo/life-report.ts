import { billOf } from './bill.ts';
import type { Life, Phase } from './life.ts';
import type { Contents } from './life-jobs.ts';
import { PARTITION_COUNT } from './pass.ts';
import { megabytes, table, verdictLines, WAY_TEXT, whole } from './text.ts';

/** What was sent, what came back before and after compaction, and whether it is what it must be. */
export function lifeProofLines(life: Life): string[] {
  const { way, topic, sent, read, left, contents } = life;
  const { segmentCount, chunkCount } = contents.sealed;
  const partitions = Array.from(
    { length: PARTITION_COUNT },
    (_, index) => `${index}: ${whole(read.recordCount(index))}`,
  );
  const order = `every partition holds as many records as were sent, and the flights of each of the ${whole(read.keyCount)} routes came back in the order sent`;
  const newest = `each of the ${whole(sent.keyCount)} routes has the newest of its flights, at the offset where it was first read, and nothing else is left`;
  return [
    `${way}: topic ${topic}, ${WAY_TEXT[way]}`,
    `  sent ${whole(sent.recordCount())} records of ${whole(sent.keyCount)} routes, ${megabytes(sent.bytes)} of keys and values`,
    `  read ${whole(read.recordCount())} records of ${whole(read.keyCount)} routes from ${whole(segmentCount)} segments and ${whole(chunkCount)} unsealed chunks, by partition ${partitions.join('  ')}`,
    ...verdictLines(order, life.orderProblems),
    `  read ${whole(left.recordCount)} records of ${whole(left.keyCount)} routes after compaction, ${megabytes(left.bytes)} of keys and values`,
    ...verdictLines(newest, life.newestProblems),
  ];
}

/** What each phase took, and what was stored after the ones that change it. */
export function lifeFigureLines({ phases, contents }: Life): string[] {
  const otherBytes = contents.sealed.bytes - (phases.find(({ name }) => name === 'compact')?.bytes ?? 0);
  return [
    'phases (MB of keys and values where records are sent or read, of stored batches elsewhere;',
    '        dollars for DynamoDB and S3, from the X-Millrace-Cost of every answer)',
    ...table([
      ['', 'seconds', 'MB', 'MB/s', 'requests', 'write units', 'read units', 'S3 requests', 'dollars'],
      ...phases.map(phaseRow),
    ]),
    // It looks once a minute, and may come first.
    ...(otherBytes > 0
      ? [`  ${megabytes(otherBytes)} were compacted by the upkeep that runs by itself`]
      : []),
    'stored',
    ...table([
      ['', 'segments', 'unsealed chunks', 'batches', 'records', 'MB'],
      ...Object.entries(contents).map(([when, what]) => contentsRow(`${when}`, what)),
    ]),
  ];
}

function phaseRow({ name, seconds, bytes, traffic }: Phase): string[] {
  const { calls, writeUnits, readUnits, s3Requests } = traffic;
  return [
    name,
    seconds.toFixed(1),
    (bytes / 1e6).toFixed(1),
    (bytes / 1e6 / seconds).toFixed(1),
    ...[calls, writeUnits, readUnits, s3Requests].map(whole),
    `$${billOf(traffic).storage.toFixed(5)}`,
  ];
}

function contentsRow(when: string, contents: Contents): string[] {
  const { segmentCount, chunkCount, batchCount, recordCount, bytes, isComplete } = contents;
  const figures = [
    ...[segmentCount, chunkCount, batchCount, recordCount].map(whole),
    (bytes / 1e6).toFixed(1),
  ];
  // Where a request was too short to count everything.
  return [when, ...(isComplete ? figures : figures.map((figure) => `>= ${figure}`))];
}
