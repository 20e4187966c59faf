import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem } from '../../../lib/segment/segment-item.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Clock } from '../../../lib/storage/clock.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';

/** A topic `cold` with one partition whose records are sealed as a test asks for it. */
export interface ColdLog {
  readonly storage: LogOptions;
  readonly pk: string;
  call(): Call;
  /** One batch of one record of about `bytes`, whose value begins with its offset. */
  produce(count: number, bytes: number): Promise<void>;
  /** All that is unsealed, as one segment. */
  seal(): Promise<Segment>;
  segments(): Promise<Segment[]>;
  /** A log that knows nothing yet. */
  fresh(options?: Partial<LogOptions>): Promise<Log>;
}

const DAY_MS = 86_400_000;

export async function coldLog(clock?: Clock): Promise<ColdLog> {
  const storage = memoryStorage(clock);
  const log = await openMemoryLog(storage);
  const call = (): Call => newCall(storage.clock);
  const { topicId } = await log.createTopic({ name: 'cold' }, call());
  const pk = partitionKey(topicId, 0);
  let end = 0;
  return {
    storage,
    pk,
    call,
    async produce(count, bytes) {
      for (const last = end + count; end < last; end += 1) {
        const batches = batchOf(`${end} `.padEnd(bytes, 'x'));
        await log.produce({ topic: 'cold', partition: 0, batches }, call());
      }
    },
    async seal() {
      const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 7 * DAY_MS };
      const outcome = await sealOnce(engineParts(storage), pk, settings, call());
      if (outcome.kind !== 'sealed') throw new Error(`nothing was sealed: ${outcome.kind}`);
      return outcome.segment;
    },
    async segments() {
      const range = { from: SEGMENT_PREFIX, to: `${SEGMENT_PREFIX}9`, limit: 1_000, consistent: true };
      return (await storage.catalog.query(pk, range, call())).items.map(segmentFromItem);
    },
    fresh: (options = {}) => openMemoryLog({ ...storage, ...options }),
  };
}

/** The number that each record's value begins with. */
export function numbersIn(texts: readonly string[]): number[] {
  return texts.map((text) => Number(text.split(':')[1]?.split(' ')[0]));
}

/** `from`, … up to but without `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
