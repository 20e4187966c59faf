import type { ConsumedRecord } from '../../../lib/client/consumer/consumed-record.ts';
import { type Consumer, createConsumer } from '../../../lib/client/consumer/consumer.ts';
import type { ConsumerOptions } from '../../../lib/client/consumer/consumer-options.ts';
import { createProducer, type Producer } from '../../../lib/client/producer/producer.ts';
import type { Groups } from '../../../lib/groups.ts';
import type { Log } from '../../../lib/log.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { memoryStorage, newCall } from '../../support/log-on-memory.ts';
import { type DrivenClock, drivenClock } from './driven-clock.ts';
import { openTestClient, type TestClient } from './support.ts';

/** What stands between a process and the engine. */
export interface Around {
  readonly log?: (log: Log) => Log;
  readonly groups?: (groups: Groups) => Groups;
}

/** Several processes on one log, in driven time. */
export interface ConsumerWorld {
  readonly clock: DrivenClock;
  readonly storage: LogOptions;
  /** A process of its own. */
  process(around?: Around): Promise<TestClient>;
  /** A consumer in a process of its own. */
  consumer(options: ConsumerOptions, around?: Around): Promise<Consumer>;
  producer(): Promise<Producer>;
  topic(name: string, partitionCount?: number): Promise<string>;
}

export function consumerWorld(): ConsumerWorld {
  const clock = drivenClock();
  const storage = memoryStorage(clock);
  const process: ConsumerWorld['process'] = (around = {}) =>
    openTestClient(storage, {
      ...(around.log === undefined ? {} : { log: around.log }),
      groups: (log) => {
        const groups = openGroups(engineParts(storage), log);
        return around.groups?.(groups) ?? groups;
      },
    });
  return {
    clock,
    storage,
    process,
    consumer: async (options, around) => createConsumer((await process(around)).parts, options),
    producer: async () => createProducer((await process()).parts),
    topic: async (name, partitionCount = 1) => {
      const { log } = await process();
      await log.createTopic({ name, partitionCount }, newCall(clock));
      return name;
    },
  };
}

export const textOfRecord = ({ value }: ConsumedRecord): string => value?.toString() ?? '∅';

/** Reads until there are `count`, then leaves the loop: the last is given to the caller, but not done with. */
export async function readSome(consumer: AsyncIterable<ConsumedRecord>, count: number): Promise<string[]> {
  const read: string[] = [];
  for await (const record of consumer) {
    read.push(textOfRecord(record));
    if (read.length === count) break;
  }
  return read;
}

/** Reads until nothing more has come for `ms`, all of it done with. */
export async function readAllNow(world: ConsumerWorld, consumer: Consumer, ms = 30_000): Promise<string[]> {
  const read: string[] = [];
  const iterator = consumer[Symbol.asyncIterator]();
  for (;;) {
    const next = iterator.next();
    const isOver = world.clock.sleep(ms).then(() => undefined);
    const result = await Promise.race([next, isOver]);
    if (result === undefined || result.done === true) {
      await consumer.close();
      await next;
      return read;
    }
    read.push(textOfRecord(result.value));
  }
}
