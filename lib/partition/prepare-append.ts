import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { sequencedBatch } from '../producer/chunk-producers.ts';
import { setAppendTime } from '../record/append-time.ts';
import { batchesIn } from '../record/batches-in.ts';
import { checkProduced } from '../record/check-produced.ts';
import type { Codecs } from '../record/codecs.ts';
import type { CompressionName } from '../record/compression/names.ts';
import { type BatchHeader, readBatchHeader } from '../record/header.ts';
import { recompress } from '../record/recompress.ts';
import type { Clock } from '../storage/clock.ts';
import { configNumber, configValue, type TopicConfigs } from '../topic/configs.ts';
import type { AppendEntry } from './append-entry.ts';
import { type BatchSummary, summarize } from './batch-summary.ts';

interface Prepared {
  readonly entry: Pick<AppendEntry, 'bytes' | 'batches' | 'offsetCount' | 'maxTimestampMs' | 'sequenced'>;
  /** -1 unless the topic stamps append time. */
  readonly logAppendTimeMs: number;
}

/**
 * Checks what a client sent and turns it into what is stored: the topic's codec, its timestamps. Works on a copy, because
 * a caller may send the same bytes again, or to several partitions at once. Throws what `checkProduced` throws; then
 * nothing is stored.
 */
export function prepareAppend(
  deps: { readonly codecs: Codecs; readonly clock: Clock },
  configs: TopicConfigs,
  batchesSent: Uint8Array,
): Prepared {
  // Not `slice`: of a Buffer that is a view.
  const sent = new Uint8Array(batchesSent);
  const nowMs = deps.clock.wallMs();
  const batchBytesMax = configNumber(configs, 'max.message.bytes');
  const type = configValue(configs, 'message.timestamp.type') === 'LogAppendTime' ? 'append' : 'create';
  const checked = checkProduced(deps.codecs, sent, {
    batchBytesMax,
    compactedTopic: configValue(configs, 'cleanup.policy').includes('compact'),
    timestamps: {
      nowMs,
      beforeMsMax: configNumber(configs, 'message.timestamp.before.max.ms'),
      afterMsMax: configNumber(configs, 'message.timestamp.after.max.ms'),
      type,
    },
  });
  const bytes = withCodec(deps.codecs, configValue(configs, 'compression.type'), sent, checked);
  if (type === 'append') for (const batch of batchesIn(bytes)) setAppendTime(deps.codecs, batch.bytes, nowMs);
  const headers =
    bytes === sent && type === 'create' ? checked : Array.from(batchesIn(bytes), ({ header }) => header);
  const batches = headers.map(summarize);
  checkSizes(bytes.length, batches, batchBytesMax);
  return {
    entry: {
      bytes,
      batches,
      offsetCount: batches.reduce((total, batch) => total + batch.offsetCount, 0),
      maxTimestampMs: batches.reduce((largest, batch) => Math.max(largest, batch.maxTimestampMs), -1),
      ...sequencedIn(batches),
    },
    logAppendTimeMs: type === 'append' ? nowMs : -1,
  };
}

/** As Kafka's broker: an idempotent producer sends one batch at a time, or a retry could not be told from a part of it. */
function sequencedIn(batches: readonly BatchSummary[]): Pick<AppendEntry, 'sequenced'> {
  const all = batches.map(sequencedBatch);
  const sequenced = all.find((batch) => batch !== undefined);
  if (sequenced === undefined) return {};
  if (all.length > 1) {
    throw new MillraceError('INVALID_RECORD', `${all.length} batches, one at least with a producer id`);
  }
  return { sequenced };
}

/** What is stored may be larger than what was sent: the topic's codec may pack less, or not at all. */
function checkSizes(bytesTotal: number, batches: readonly BatchSummary[], batchBytesMax: number): void {
  const largest = batches.reduce((bytes, batch) => Math.max(bytes, batch.bytes), 0);
  if (largest > batchBytesMax) {
    const message = `a batch takes ${largest} bytes in the topic's codec; the topic takes ${batchBytesMax}`;
    throw new MillraceError('MESSAGE_TOO_LARGE', message);
  }
  if (bytesTotal > LIMITS.chunkBytesMax) {
    const message = `${bytesTotal} bytes for one partition; at most ${LIMITS.chunkBytesMax} are taken at once`;
    throw new MillraceError('RECORD_LIST_TOO_LARGE', message);
  }
}

/** Topic config `compression.type`: batches in another codec are compressed anew. */
function withCodec(
  codecs: Codecs,
  compressionType: string,
  sent: Uint8Array,
  headers: readonly BatchHeader[],
): Uint8Array {
  if (compressionType === 'producer') return sent;
  const wanted = (compressionType === 'uncompressed' ? 'none' : compressionType) as CompressionName;
  if (headers.every((header) => header.compression === wanted)) return sent;
  return Buffer.concat(
    Array.from(batchesIn(sent), ({ bytes }) =>
      readBatchHeader(bytes).compression === wanted ? bytes : recompress(codecs, bytes, wanted),
    ),
  );
}
