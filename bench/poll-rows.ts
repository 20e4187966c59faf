import { createHttpHandler, type HttpHandler } from '../lib/http/handler.ts';
import { ALL_ROUTES } from '../lib/http/routes.ts';
import { openGroups } from '../lib/open-groups.ts';
import { openLog } from '../lib/open-log.ts';
import { type Codecs, encodeBatch } from '../lib/record/index.ts';
import { Meter, type Usage } from '../lib/storage/meter.ts';
import { measure, REQUEST_MS } from './exact.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

const PARTITIONS = 3;
const POLLS = 120;
const POLL_EVERY_MS = 5_000;
const MEDIA = 'application/vnd.kafka.v2+json';
const BINARY = 'application/vnd.kafka.binary.v2+json';

/** A consumer instance that asks every five seconds and finds a new record in each of three partitions. */
export async function pollRows(codecs: Codecs): Promise<Row[]> {
  const storage = virtualStorage(codecs, 1, { tableMs: REQUEST_MS, bucketMs: REQUEST_MS, varies: false });
  const { answer: log } = await measure(storage, (call) => openLog(storage.parts, call));
  await measure(storage, (call) => log.createTopic({ name: 't', partitionCount: PARTITIONS }, call));
  const handler = createHttpHandler({
    log,
    groups: openGroups(storage.parts, log),
    catalog: storage.parts.catalog,
    routes: ALL_ROUTES,
    codecs,
    clock: storage.parts.clock,
    random: storage.parts.random,
    onFault: ({ cause }) => {
      throw cause;
    },
  });
  const ask = asker(storage, handler);
  const instance = '/consumers/g/instances/i';
  await ask('POST', '/consumers/g', { name: 'i', format: 'binary', 'auto.offset.reset': 'earliest' });
  await ask('POST', `${instance}/subscription`, { topics: ['t'] });

  const record = { key: null, value: new Uint8Array(100), headers: [], timestampMs: 1_700_000_000_000 };
  const batches = encodeBatch(codecs, [record], { compression: 'none' });
  const polls: Usage[] = [];
  let delivered = 0;
  for (let poll = 0; poll < POLLS; poll += 1) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await measure(storage, (call) => log.produce({ topic: 't', partition, batches }, call));
    }
    const { usage, body } = await ask('GET', `${instance}/records`);
    delivered += JSON.parse(body).length;
    // The first poll takes the partitions over, and there is nothing to commit yet.
    if (poll > 0) polls.push(usage);
    await measure(storage, () => storage.scheduler.sleep(POLL_EVERY_MS));
  }
  const total = (of: (usage: Usage) => number): number =>
    polls.reduce((sum, usage) => sum + of(usage), 0) / polls.length;
  const writes = total(({ tableWrites }) => tableWrites);
  const writeUnits = total((usage) => usage.writeUnits);
  const reads = total(({ tableReads }) => tableReads);
  const readUnits = total((usage) => usage.readUnits);
  return [
    {
      what: 'steady poll of 3 partitions over HTTP with auto commit, a new record in each',
      bar: '1 write a commit and partition, 1 of the position',
      measured: `${writes.toFixed(2)} writes, ${writeUnits.toFixed(2)} WU, ${reads.toFixed(2)} reads, ${readUnits.toFixed(2)} RU a poll`,
      // The member's liveness is written beside, as seldom as its session allows.
      isMet: delivered === POLLS * PARTITIONS && writes <= PARTITIONS + 1.1,
    },
  ];
}

type Ask = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ readonly usage: Usage; readonly body: string }>;

function asker(storage: VirtualStorage, handler: HttpHandler): Ask {
  return async (method, path, body) => {
    const call = { meter: new Meter(), deadlineMs: storage.scheduler.nowMs + 60_000 };
    const request = {
      method,
      path,
      query: '',
      headers: { 'content-type': MEDIA, accept: method === 'GET' ? BINARY : MEDIA },
      body: new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body)),
    };
    const { answer } = await measure(storage, () => handler(request, { call }));
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return { usage: call.meter.usage, body: String(answer.body) };
  };
}
