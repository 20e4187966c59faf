import { type Bill, billOf, elsewhere, FUNCTION_MEMORY_MB, idleMonth, MAINTENANCE } from './bill.ts';
import type { Direction } from './direction.ts';
import { PARTITION_COUNT, type Pass } from './pass.ts';
import { megabytes, table, verdictLines, WAY_TEXT, whole } from './text.ts';
import { FUNCTION_MS } from './traffic.ts';

/** What was sent, what came back, and whether they are the same. */
export function proofLines({ way, topic, sent, read, problems }: Pass): string[] {
  const partitions = Array.from(
    { length: PARTITION_COUNT },
    (_, index) => `${index}: ${whole(read.recordCount(index))}`,
  );
  const lines = [
    `${way}: topic ${topic}, ${WAY_TEXT[way]}`,
    `  sent ${whole(sent.recordCount())} records of ${whole(sent.keyCount)} origins, ${megabytes(sent.bytes)} of keys and values`,
    `  read ${whole(read.recordCount())} records of ${whole(read.keyCount)} origins, by partition ${partitions.join('  ')}`,
  ];
  const claim = `every partition holds as many records as were sent, and the flights of each of the ${whole(read.keyCount)} origins came back in the order sent`;
  return [...lines, ...verdictLines(claim, problems)];
}

export function speedLines({ way, sent, produce, fetch }: Pass): string[] {
  const speed = (verb: string, { seconds, traffic }: Direction): string =>
    `  ${verb} ${(sent.bytes / 1e6 / seconds).toFixed(1)} MB/s, ${whole(sent.recordCount() / seconds)} records/s: ${seconds.toFixed(1)} s, ${whole(traffic.calls)} requests${traffic.retries > 0 ? `, ${whole(traffic.retries)} of them again` : ''}`;
  return [`${way}:`, speed('in ', produce), speed('out', fetch)];
}

/** What the requests of all passes cost on AWS, and what others would take for the data of one pass. */
export function costLines(passes: readonly Pass[]): string[] {
  const [first] = passes;
  if (first === undefined) return [];
  const { sent } = first;
  const { kinesis, msk } = elsewhere({ recordCount: sent.recordCount(), bytes: sent.bytes });
  const row = (name: string, cost: { in: number; out: number; idle: number }): string[] => {
    const total = cost.in + cost.out;
    return [
      name,
      dollars(cost.in),
      dollars(cost.out),
      dollars(total),
      perGb(total, sent.bytes),
      `$${cost.idle.toFixed(2)}`,
    ];
  };
  const rows = passes.map(({ way, produce, fetch }) =>
    row(`Millrace, ${way}`, {
      in: billOf(produce.traffic).total,
      out: billOf(fetch.traffic).total,
      idle: idleMonth(),
    }),
  );
  return [
    'the same work on AWS (us-east-1, on demand; from the X-Millrace-Cost of every answer)',
    ...table([
      ['', 'in', 'out', 'together', 'per GB', 'and an idle month'],
      ...rows,
      row('Kinesis on demand', kinesis),
      row('MSK Serverless', msk),
    ]),
    ...passes.flatMap(usageLines),
    `  assumed: functions of ${FUNCTION_MEMORY_MB} MB that take ${FUNCTION_MS.call} ms a call and ${FUNCTION_MS.s3Round} ms for up to ${FUNCTION_MS.s3RequestsAtOnce} requests to S3 at once;`,
    `  an hourly maintenance call of ${MAINTENANCE.ms} ms at ${MAINTENANCE.memoryMb} MB and one alarm in an idle month`,
    '  not counted: what is stored ($0.023 per GB-month in S3) and logs; Kinesis rounds each record up to 1 KB',
  ];
}

function usageLines({ way, produce, fetch }: Pass): string[] {
  const usage = (name: string, { traffic }: Direction): string => {
    const bill: Bill = billOf(traffic);
    const { writeUnits, readUnits, s3Requests, gatewayUnits, calls } = traffic;
    return (
      `  ${way} ${name}: ${whole(writeUnits)} write units, ${whole(readUnits)} read units, ${whole(s3Requests)} S3 requests ${dollars(bill.storage)}; ` +
      `${whole(gatewayUnits)} API Gateway requests of 512 KB ${dollars(bill.gateway)}; ${whole(calls)} function calls ${dollars(bill.functions)}`
    );
  };
  return [usage('in ', produce), usage('out', fetch)];
}

const dollars = (value: number): string => `$${value.toFixed(5)}`;
const perGb = (value: number, bytes: number): string => `$${(value / (bytes / 2 ** 30)).toFixed(2)}`;
