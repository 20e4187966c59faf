import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { Log } from '../../../../lib/log.ts';
import { openMaintenance } from '../../../../lib/maintenance.ts';
import { engineParts, type LogOptions, openLog } from '../../../../lib/open-log.ts';
import { partitionKey } from '../../../../lib/partition/chunk.ts';
import { decodeBatch, encodeBatch } from '../../../../lib/record/index.ts';
import type { PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import type { CopyOutcome } from '../../../../lib/replication/copy/copy-outcome.ts';
import { createMergedCopier } from '../../../../lib/replication/merged/merged-copier.ts';
import { moveLogStart } from '../../../../lib/segment/log-start.ts';
import { mergeOnce } from '../../../../lib/segment/merge/merge.ts';
import { sealOnce } from '../../../../lib/segment/seal/seal.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { observeNow } from '../../../../lib/storage/observation.ts';
import { codecs, memoryStorage, newCall, textRecord } from '../../../support/log-on-memory.ts';
import type { ManualClock } from '../../../tools/manual-clock.ts';

const HOT_RETENTION_MS = 604_800_000;

export interface ProducerState {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** One region with a topic `orders` of one partition, which is written in every region. */
export interface MergedRegion {
  readonly alias: string;
  readonly storage: LogOptions;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly pk: string;
  readonly call: () => Call;
  produce(values: readonly string[], producer?: ProducerState): Promise<number>;
  seal(): Promise<void>;
  /** Small segments become one, and those that it covers go. */
  merge(): Promise<void>;
  trimTo(offset: number): Promise<void>;
  /** Everything leaves the hot table, as expiry would have it of what is sealed, though not so soon. */
  expire(): Promise<void>;
  /** Values, in the order of the log, read by a process that knows nothing. */
  values(): Promise<string[]>;
  findings(): Promise<string[]>;
}

export async function openMergedRegion(
  alias: string,
  clock: ManualClock,
  into: (storage: LogOptions) => LogOptions = (storage) => storage,
): Promise<MergedRegion> {
  const storage = into(memoryStorage(clock));
  const parts = engineParts(storage);
  const call = (): Call => newCall(clock, { ms: 60_000 });
  const log = await openLog(storage, call());
  const { topicId } = await log.createTopic({ name: 'orders', partitionCount: 1 }, call());
  const pk = partitionKey(topicId, 0);
  const place = { topic: 'orders', partition: 0 };
  return {
    alias,
    storage,
    parts,
    log,
    pk,
    call,
    produce: async (values, producer) => {
      const records = values.map((value) => textRecord(value, { timestampMs: Math.floor(clock.wallMs()) }));
      const batches = encodeBatch(codecs, records, {
        compression: 'none',
        ...(producer === undefined ? {} : { producer }),
      });
      return (await log.produce({ ...place, batches }, call())).baseOffset;
    },
    seal: async () => {
      const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: HOT_RETENTION_MS };
      for (;;) if ((await sealOnce(parts, pk, settings, call())).kind !== 'sealed') return;
    },
    merge: async () => {
      const settings = { segmentBytes: 2 ** 26, spanMsMax: Number.POSITIVE_INFINITY };
      for (;;) {
        const { kind } = await mergeOnce(parts, pk, settings, call());
        if (kind === 'waiting') clock.advance(2 * 3_600_000);
        else if (kind === 'nothing') return;
      }
    },
    trimTo: async (offset) => {
      await moveLogStart(parts, pk, (start) => ({ ...start, offset }), call());
    },
    expire: async () => {
      clock.advance(3_600_000);
      const { items } = await storage.hot.query(pk, { limit: 9_999, consistent: true }, call());
      for (const { pk: key, sk, version } of items) {
        await storage.hot.delete({ pk: key, sk }, { ifVersion: version }, call());
      }
    },
    values: async () => {
      const reader = await openLog(storage, call());
      const { offset: start } = await reader.listOffsets({ ...place, at: 'earliest' }, call());
      const values: string[] = [];
      for (let offset = start; ; ) {
        const read = await reader.fetch({ ...place, offset, maxBytes: 100_000 }, call());
        for (const batch of read.batches) {
          values.push(...decodeBatch(codecs, batch).map(({ value }) => Buffer.from(value ?? []).toString()));
        }
        if (read.nextOffset === offset) return values;
        offset = read.nextOffset;
      }
    },
    findings: async () => {
      const { findings } = await openMaintenance(parts).run('verify', 'orders', call());
      return findings.map(({ name, message }) => `${name}: ${message}`);
    },
  };
}

/** A replicator of one partition that has just been started. */
export function mergedCopier(
  source: MergedRegion,
  target: MergedRegion,
  parts: { readonly source?: EngineParts; readonly target?: EngineParts; readonly relay?: string } = {},
): PartitionCopier {
  const sides = { source: parts.source ?? source.parts, target: parts.target ?? target.parts };
  const place = {
    sourcePk: source.pk,
    targetPk: target.pk,
    sourceTopic: 'orders',
    start: 'earliest',
    ...(parts.relay === undefined ? {} : { relay: parts.relay }),
  } as const;
  return createMergedCopier(sides, source.alias).partition(place);
}

export function mergedStep(
  copier: PartitionCopier,
  target: MergedRegion,
  bytesMax = 8_388_608,
): Promise<CopyOutcome> {
  const settings = { hotRetentionMs: HOT_RETENTION_MS, inlineBytesMax: -1 };
  return copier.copyOnce({ settings, topicSeen: observeNow(target.storage.clock), bytesMax }, target.call());
}

/** Steps until there is nothing more; answers all outcomes, the last one included. */
export async function mergedCopyAll(
  source: MergedRegion,
  target: MergedRegion,
  copier: PartitionCopier = mergedCopier(source, target),
  bytesMax?: number,
): Promise<CopyOutcome[]> {
  const outcomes: CopyOutcome[] = [];
  for (;;) {
    const outcome = await mergedStep(copier, target, bytesMax);
    outcomes.push(outcome);
    if (outcome.kind !== 'copied') return outcomes;
  }
}
