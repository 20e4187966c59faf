import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { CopyStart } from '../../../../lib/flows.ts';
import type { Log } from '../../../../lib/log.ts';
import { openMaintenance } from '../../../../lib/maintenance.ts';
import { engineParts, type LogOptions, openLog } from '../../../../lib/open-log.ts';
import { partitionKey } from '../../../../lib/partition/chunk.ts';
import type { CompressionName } from '../../../../lib/record/compression/names.ts';
import { decodeBatch, encodeBatch, type NewRecord } from '../../../../lib/record/index.ts';
import type { CopySides, PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import type { CopyOutcome, CopyTerms } from '../../../../lib/replication/copy/copy-outcome.ts';
import { createCopier } from '../../../../lib/replication/copy/create-copier.ts';
import { ALL_RULES } from '../../../../lib/rules.ts';
import { compactOnce } from '../../../../lib/segment/compact/pass.ts';
import { moveLogStart } from '../../../../lib/segment/log-start.ts';
import { sealOnce } from '../../../../lib/segment/seal/seal.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { observeNow } from '../../../../lib/storage/observation.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { codecs, memoryStorage, newCall, textRecord } from '../../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../../tools/manual-clock.ts';

const HOT_RETENTION_MS = 604_800_000;

/** A topic `orders` with one partition in the source, and its copy `east.orders` in the target; one clock for both. */
export interface Regions {
  readonly clock: ManualClock;
  readonly source: Region;
  readonly target: Region;
  copier(options?: CopierOptions): PartitionCopier;
  /** With the looks of now, and what a caller changes of them. */
  step(copier: PartitionCopier, terms?: Partial<CopyTerms>): Promise<CopyOutcome>;
  /** Steps until there is nothing more; answers all outcomes, the last one included. */
  copyAll(copier?: PartitionCopier, terms?: Partial<CopyTerms>): Promise<CopyOutcome[]>;
}

export interface CopierOptions {
  readonly start?: CopyStart;
  readonly sides?: Partial<CopySides>;
}

export interface Region {
  readonly storage: LogOptions;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly topic: string;
  readonly pk: string;
  readonly call: () => Call;
  /** One request with one batch of these values. */
  produce(values: readonly string[], options?: ProduceOptions): Promise<number>;
  /** All that is unsealed, at once. */
  seal(): Promise<void>;
  compact(): Promise<void>;
  trimTo(offset: number): Promise<void>;
  /** The bytes of every batch, from the log's start to its end. */
  batches(from?: number): Promise<Uint8Array[]>;
  records(from?: number): Promise<string[]>;
  latest(): Promise<number>;
  /** What `verify` finds wrong. */
  findings(): Promise<string[]>;
}

export interface ProduceOptions {
  readonly key?: string;
  readonly compression?: CompressionName;
  readonly producer?: {
    readonly producerId: number;
    readonly producerEpoch: number;
    readonly baseSequence: number;
  };
}

export async function openRegions(
  options: {
    readonly configs?: Readonly<Record<string, string>>;
    readonly source?: (storage: LogOptions) => LogOptions;
    readonly target?: (storage: LogOptions) => LogOptions;
  } = {},
): Promise<Regions> {
  const clock = manualClock();
  const { configs = {}, source: intoSource = same, target: intoTarget = same } = options;
  const source = await openRegion(intoSource(memoryStorage(clock)), { topic: 'orders', configs });
  const remote = {
    source: 'east',
    topic: 'orders',
    topicId: topicIdOf(source.pk),
    policy: 'prefixed',
  } as const;
  const target = await openRegion(intoTarget(memoryStorage(clock)), {
    topic: 'east.orders',
    configs,
    remote,
  });
  const sides = { source: source.parts, target: target.parts };
  const step: Regions['step'] = (copier, terms = {}) => {
    const settings = { hotRetentionMs: HOT_RETENTION_MS, inlineBytesMax: -1 };
    return copier.copyOnce({ settings, topicSeen: observeNow(clock), ...terms }, target.call());
  };
  const copierOf: Regions['copier'] = ({ start = 'earliest', sides: others = {} } = {}) => {
    const place = { sourcePk: source.pk, targetPk: target.pk, sourceTopic: 'orders', start };
    return createCopier({ ...sides, ...others }).partition(place);
  };
  return {
    clock,
    source,
    target,
    copier: copierOf,
    step,
    copyAll: async (copier = copierOf(), terms = {}) => {
      const outcomes: CopyOutcome[] = [];
      for (;;) {
        const outcome = await step(copier, terms);
        outcomes.push(outcome);
        if (outcome.kind !== 'copied') return outcomes;
      }
    },
  };
}

const same = (storage: LogOptions): LogOptions => storage;
const topicIdOf = (pk: string): string => pk.slice(0, pk.indexOf(':'));

async function openRegion(
  storage: LogOptions,
  topic: {
    readonly topic: string;
    readonly configs: Readonly<Record<string, string>>;
    readonly remote?: Parameters<TopicCatalog['create']>[0]['remote'];
  },
): Promise<Region> {
  const { clock } = storage;
  const parts = engineParts(storage);
  const call = (): Call => newCall(clock, { ms: 60_000 });
  const log = await openLog(storage, call());
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  const { configs, remote, topic: name } = topic;
  const { topicId } = await topics.create(
    { name, configs, ...(remote === undefined ? {} : { remote }) },
    call(),
  );
  const pk = partitionKey(topicId, 0);
  const place = { topic: name, partition: 0 };

  const earliest = async (): Promise<number> =>
    (await log.listOffsets({ ...place, at: 'earliest' }, call())).offset;
  const batches = async (from?: number): Promise<Uint8Array[]> => {
    const reader = await openLog(storage, call());
    const all: Uint8Array[] = [];
    for (let offset = from ?? (await earliest()); ; ) {
      const read = await reader.fetch({ ...place, offset, maxBytes: 100_000 }, call());
      all.push(...read.batches);
      if (read.nextOffset === offset) return all;
      offset = read.nextOffset;
    }
  };
  return {
    storage,
    parts,
    log,
    topic: name,
    pk,
    call,
    produce: async (values, { key, compression = 'none', producer } = {}) => {
      const record = (value: string): NewRecord =>
        textRecord(value, {
          key: key === undefined ? null : Buffer.from(key),
          timestampMs: Math.floor(clock.wallMs()),
          headers: [{ key: 'h', value: Buffer.from('1') }],
        });
      const bytes = encodeBatch(codecs, values.map(record), {
        compression,
        ...(producer === undefined ? {} : { producer }),
      });
      return (await log.produce({ ...place, batches: bytes }, call())).baseOffset;
    },
    seal: async () => {
      const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: HOT_RETENTION_MS };
      for (;;) {
        if ((await sealOnce(parts, pk, settings, call())).kind !== 'sealed') return;
      }
    },
    compact: async () => {
      const settings = {
        minCleanableDirtyRatio: 0,
        minCompactionLagMs: 0,
        maxCompactionLagMs: Number.POSITIVE_INFINITY,
        deleteRetentionMs: 0,
      };
      for (let steps = 0; steps < 20; steps += 1) await compactOnce(parts, pk, settings, call());
    },
    trimTo: async (offset) => {
      await moveLogStart(parts, pk, (start) => ({ ...start, offset }), call());
    },
    batches,
    records: async (from) =>
      (await batches(from)).flatMap((batch) =>
        decodeBatch(codecs, batch).map(({ offset, key, value }) => `${offset}:${text(key)}=${text(value)}`),
      ),
    latest: async () => (await log.listOffsets({ ...place, at: 'latest' }, call())).offset,
    findings: async () => {
      const { findings } = await openMaintenance(parts).run('verify', name, call());
      return findings.map(({ name: kind, message }) => `${kind}: ${message}`);
    },
  };
}

const text = (bytes: Uint8Array | null): string => (bytes === null ? '∅' : Buffer.from(bytes).toString());

/** Without `rule`. */
export function breaking(parts: EngineParts, rule: keyof typeof ALL_RULES): EngineParts {
  return { ...parts, rules: { ...ALL_RULES, [rule]: false } };
}
