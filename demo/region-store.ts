import { join } from 'node:path';
import { openDirectoryBucket } from '../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import type { Flows } from '../lib/flows.ts';
import type { Log } from '../lib/log.ts';
import { openFlows } from '../lib/open-flows.ts';
import { engineParts, openLog } from '../lib/open-log.ts';
import { openRegion } from '../lib/open-region.ts';
import { type Codecs, decodeBatch, encodeBatch } from '../lib/record/index.ts';
import type { Region } from '../lib/region.ts';
import type { FlowRun } from '../lib/replication/flow-run.ts';
import { runFlow } from '../lib/replication/replicator.ts';
import type { Call } from '../lib/storage/call.ts';
import { Meter } from '../lib/storage/meter.ts';

export const TOPIC = 'orders';
export const PARTITION_COUNT = 3;
const RECORDS_PER_BATCH = 50;
const CALL_MS = 60_000;
/** A run of a flow ends when nothing has come for so long. */
const IDLE_MS = 300;

/** A whole region, stores and all, until it is closed. */
export interface Store {
  readonly alias: string;
  readonly log: Log;
  readonly flows: Flows;
  readonly region: Region;
  /** Sends records `from` to `to`, and answers once they are stored. */
  send(range: { readonly from: number; readonly to: number }): Promise<void>;
  /** The batches of a partition from `offset` on. */
  batches(topic: string, partition: number, offset: number): Promise<readonly Uint8Array[]>;
  end(topic: string, partition: number): Promise<number>;
  /** Copies into this region until there is nothing more to copy. */
  copyFrom(source: string): Promise<FlowRun>;
  /** As when its process is killed: nothing is said, nothing is finished. */
  die(): void;
}

/** Regions that are there now, by their aliases. */
export type World = Map<string, EngineParts>;

const clock = systemClock();
export const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + CALL_MS });

export async function openStore(
  world: World,
  { alias, number, dataDir, codecs }: { alias: string; number: number; dataDir: string; codecs: Codecs },
): Promise<Store> {
  const random = systemRandom();
  const tables = openSqliteTables({ path: join(dataDir, alias, 'millrace.sqlite'), clock });
  const bucket = openDirectoryBucket({ path: join(dataDir, alias, 'objects'), clock, random });
  const { hot, catalog } = tables;
  const options = { hot, catalog, bucket, clock, random, codecs, regionNumber: number };
  const log = await openLog(options, newCall());
  const parts = engineParts(options);
  const copying = { region: alias, sources: async (source: string) => world.get(source) };
  world.set(alias, parts);
  return {
    alias,
    log,
    flows: openFlows(parts, copying),
    region: openRegion(parts),
    send: async ({ from, to }) => {
      for (let next = from; next < to; next += RECORDS_PER_BATCH) {
        const numbers = Array.from({ length: Math.min(RECORDS_PER_BATCH, to - next) }, (_, at) => next + at);
        const records = numbers.map((order) => ({
          key: Buffer.from(String(order)),
          value: Buffer.from(`order ${order} of ${alias}`),
          headers: [],
          timestampMs: clock.wallMs(),
        }));
        const partition = (next / RECORDS_PER_BATCH) % PARTITION_COUNT;
        const batches = encodeBatch(codecs, records, { compression: 'zstd' });
        await log.produce({ topic: TOPIC, partition: Math.floor(partition), batches }, newCall());
      }
    },
    batches: async (topic, partition, offset) => {
      const all: Uint8Array[] = [];
      for (let next = offset; ; ) {
        const { batches, nextOffset } = await log.fetch({ topic, partition, offset: next }, newCall());
        if (batches.length === 0) return all;
        all.push(...batches);
        next = nextOffset;
      }
    },
    end: async (topic, partition) =>
      (await log.listOffsets({ topic, partition, at: 'latest' }, newCall())).offset,
    copyFrom: (source) =>
      runFlow({ target: parts, ...copying, onFault: () => undefined }, source, {
        idleMs: IDLE_MS,
        deadlineMs: clock.monotonicMs() + CALL_MS,
      }),
    die: () => {
      world.delete(alias);
      tables.close();
    },
  };
}

/** The values of records from `offset` on. A batch may begin before it. */
export function valuesFrom(codecs: Codecs, batches: readonly Uint8Array[], offset: number): string[] {
  return batches
    .flatMap((batch) => decodeBatch(codecs, batch))
    .filter((record) => record.offset >= offset)
    .map(({ value }) => Buffer.from(value ?? []).toString());
}
