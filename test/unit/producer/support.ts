import type { ErrorCode } from '../../../lib/errors.ts';
import type { Log, ProduceRequest, ProduceResult } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { type Chunk, chunkFromItem, partitionKey } from '../../../lib/partition/chunk.ts';
import { readSnapshot, type SeenSnapshot } from '../../../lib/producer/snapshot.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Clock } from '../../../lib/storage/clock.ts';
import {
  batchOf,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
} from '../../support/log-on-memory.ts';
import { type Numbered, numberedBatch } from '../../support/producer-batches.ts';

/** One partition that any number of processes write to. */
export interface Scene {
  readonly storage: LogOptions;
  readonly log: Log;
  readonly pk: string;
  call(): Call;
  /** Another process. */
  fresh(options?: Partial<LogOptions>): Promise<Log>;
  send(numbered: Numbered, values: readonly string[], options?: SendOptions): Promise<ProduceResult>;
  /** `offset`, `offset again` for a duplicate, or the error's code. */
  told(numbered: Numbered, values: readonly string[], options?: SendOptions): Promise<string>;
  plain(value: string, on?: Log): Promise<number>;
  all(): Promise<string[]>;
  chunks(): Promise<Chunk[]>;
  snapshot(): Promise<SeenSnapshot>;
}

export type SendOptions = Partial<Omit<ProduceRequest, 'batches'>> & {
  readonly on?: Log;
  readonly call?: Call;
};

export async function newScene(
  options: {
    readonly clock?: Clock;
    readonly storage?: LogOptions;
    readonly configs?: Record<string, string>;
  } = {},
): Promise<Scene> {
  const storage = options.storage ?? memoryStorage(options.clock);
  const log = await openMemoryLog(storage);
  const call = (): Call => newCall(storage.clock);
  const { topicId } = await log.createTopic({ name: 't', configs: options.configs ?? {} }, call());
  const pk = partitionKey(topicId, 0);
  const place = { topic: 't', partition: 0 };
  const send: Scene['send'] = (numbered, values, { on = log, call: asked = call(), ...request } = {}) =>
    on.produce({ ...place, ...request, batches: numberedBatch(numbered, ...values) }, asked);
  return {
    storage,
    log,
    pk,
    call,
    fresh: (more = {}) => openMemoryLog({ ...storage, ...more }),
    send,
    told: async (...sent) => {
      let result: ProduceResult | undefined;
      const code: ErrorCode | 'none' = await refusal(
        send(...sent).then((answer) => {
          result = answer;
        }),
      );
      return result === undefined ? code : `${result.baseOffset}${result.duplicate ? ' again' : ''}`;
    },
    plain: async (value, on = log) =>
      (await on.produce({ ...place, batches: batchOf(value) }, call())).baseOffset,
    all: async () => {
      const texts: string[] = [];
      for (let offset = 0; ; ) {
        const { batches, nextOffset } = await log.fetch({ ...place, offset }, call());
        if (batches.length === 0) return texts;
        texts.push(...textOf(batches));
        offset = nextOffset;
      }
    },
    chunks: async () =>
      (await storage.hot.query(pk, { limit: 1e9, consistent: true }, call())).items.map(chunkFromItem),
    snapshot: () => readSnapshot(engineParts(storage), pk, call()),
  };
}
