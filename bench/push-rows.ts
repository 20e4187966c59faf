import type { EngineParts } from '../lib/engine-parts.ts';
import { openGroups } from '../lib/open-groups.ts';
import { openLog } from '../lib/open-log.ts';
import { hasWork } from '../lib/push/has-work.ts';
import { runPush } from '../lib/push/push-runner.ts';
import { type PushSettings, readPushSettings } from '../lib/push/push-settings.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import { dollarsOf } from '../lib/storage/meter.ts';
import { AWS_PRICES, HOURS_PER_MONTH, lambdaDollars } from './aws-prices.ts';
import { measure } from './measure.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

const PARTITIONS = 10;
const BATCHES = 50;
const BATCH_RECORDS = 20;
const RUNNER = { memoryMb: 1_024 };
const RUNS_PER_MONTH = 60 * HOURS_PER_MONTH;
/** What a warm call takes besides its requests. */
const OWN_MS = 20;
const MINUTE_MS = 60_000;
const FUNCTION_MS = 20;

/** What pushing to a function costs, besides the function: with records, and while there are none. */
export async function pushRows(codecs: Codecs): Promise<Row[]> {
  const storage = virtualStorage(codecs, 1, { tableMs: 5, bucketMs: 30, varies: false });
  const settings = settingsOf();
  const counts = { puts: 0 };
  const parts = counting(storage.parts, counts);
  await produceAll(storage, codecs);

  const sent = { calls: 0 };
  const run = async (): Promise<void> => {
    const { clock, random } = parts;
    await measure(storage, async (call) => {
      const log = await openLog(parts, call);
      const engine = { log, groups: openGroups(parts, log), codecs, clock, random };
      const invoke = async (): Promise<{ kind: 'answered'; answer: null }> => {
        sent.calls += 1;
        await clock.sleep(FUNCTION_MS);
        return { kind: 'answered', answer: null };
      };
      const onFault = (cause: unknown): void => {
        throw cause;
      };
      const nowMs = clock.monotonicMs();
      const time = { lastCallMs: nowMs + MINUTE_MS, deadlineMs: nowMs + 2 * MINUTE_MS };
      await runPush({ ...engine, invoke, bury: async () => undefined, onFault }, settings, time);
    });
  };
  await run();
  const { puts } = counts;

  const { answer: log } = await measure(storage, (call) => openLog(parts, call));
  const groups = openGroups(parts, log);
  const look = () =>
    measure(storage, (call) => hasWork({ log, groups }, settings, parts.clock.wallMs(), call));
  await look();
  await measure(storage, () => storage.scheduler.sleep(MINUTE_MS));
  const idle = await look();
  const runDollars = lambdaDollars({ ...RUNNER, ms: idle.elapsedMs + OWN_MS }) + AWS_PRICES.event;
  const month = RUNS_PER_MONTH * (runDollars + dollarsOf(idle.usage));
  const steady =
    HOURS_PER_MONTH * 3_600 * (lambdaDollars({ ...RUNNER, ms: 1_000 }) - AWS_PRICES.lambdaRequest);
  // Joining, taking over and leaving: the same however much there is.
  const fixed = puts - sent.calls;
  return [
    {
      what: `push of ${PARTITIONS * BATCHES} batches from ${PARTITIONS} partitions`,
      bar: '1 write a call, and <= 2 a partition and run',
      measured: `${sent.calls} calls, ${puts} writes`,
      isMet: sent.calls === PARTITIONS * BATCHES && fixed >= 0 && fixed <= 2 * PARTITIONS,
    },
    {
      what: `idle push of ${PARTITIONS} partitions, a look`,
      bar: '<= 1 RU a partition + 3',
      measured: `${idle.usage.readUnits} RU, ${idle.usage.tableWrites} writes`,
      isMet: !idle.answer && idle.usage.readUnits <= PARTITIONS + 3 && idle.usage.tableWrites === 0,
    },
    {
      what: `idle push of ${PARTITIONS} partitions, a month`,
      bar: '<= $0.20',
      measured: `$${month.toFixed(2)} (with records all the time: $${steady.toFixed(0)})`,
      isMet: month <= 0.2,
    },
  ];
}

function settingsOf(): PushSettings {
  const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  const more = { batchSize: BATCH_RECORDS, lingerSeconds: 0, parallelPartitions: PARTITIONS };
  const [settings] = readPushSettings([{ group: 'g', topics: ['t'], functionArn, ...more }]);
  if (settings === undefined) throw new Error('no settings');
  return settings;
}

/** Every partition has as many batches as will be pushed. */
async function produceAll(storage: VirtualStorage, codecs: Codecs): Promise<void> {
  const { answer: log } = await measure(storage, (call) => openLog(storage.parts, call));
  await measure(storage, (call) => log.createTopic({ name: 't', partitionCount: PARTITIONS }, call));
  const value = new Uint8Array(100);
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const record = { key: null, value, headers: [], timestampMs: storage.scheduler.nowMs };
      const records = Array.from({ length: BATCH_RECORDS }, () => record);
      const batches = encodeBatch(codecs, records, { compression: 'none' });
      await measure(storage, (call) => log.produce({ topic: 't', partition, batches }, call));
    }
  }
}

function counting(parts: EngineParts, counts: { puts: number }): EngineParts {
  const { catalog } = parts;
  return {
    ...parts,
    catalog: {
      ...catalog,
      put: (...args) => {
        counts.puts += 1;
        return catalog.put(...args);
      },
    },
  };
}
