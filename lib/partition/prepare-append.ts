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
import { summarize } from './batch-summary.ts';

interface Prepared {
  readonly entry: Pick<AppendEntry, 'bytes' | 'batches' | 'offsetCount' | 'maxTimestampMs'>;
  /** -1 unless the topic stamps append time. */
  readonly logAppendTimeMs: number;
}

/**
 * Checks what a client sent and turns it into what is stored: the topic's codec, its timestamps. Throws what
 * `checkProduced` throws; then nothing is stored.
 */
export function prepareAppend(
  deps: { readonly codecs: Codecs; readonly clock: Clock },
  configs: TopicConfigs,
  sent: Uint8Array,
): Prepared {
  const nowMs = deps.clock.wallMs();
  const type = configValue(configs, 'message.timestamp.type') === 'LogAppendTime' ? 'append' : 'create';
  const checked = checkProduced(deps.codecs, sent, {
    batchBytesMax: configNumber(configs, 'max.message.bytes'),
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
  return {
    entry: {
      bytes,
      batches,
      offsetCount: batches.reduce((total, batch) => total + batch.offsetCount, 0),
      maxTimestampMs: batches.reduce((largest, batch) => Math.max(largest, batch.maxTimestampMs), -1),
    },
    logAppendTimeMs: type === 'append' ? nowMs : -1,
  };
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
