import type { ProduceRequest, ProduceResult } from '../../log.ts';
import type { CompressionName } from '../../record/compression/names.ts';
import { encodeBatch } from '../../record/encode-batch.ts';
import { HEADER_BYTES } from '../../record/header.ts';
import type { ClientParts } from '../client-parts.ts';
import { judgeFailure, leavesOpen } from './judge-failure.ts';
import { type EncodedBatch, type LaneBatch, type LaneEntry, openBatch } from './lane-batch.ts';
import type { Sequences } from './sequences.ts';

export interface LaneOptions {
  readonly topic: string;
  readonly partition: number;
  readonly lingerMs: number;
  readonly inFlightMax: number;
  readonly requestTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
}

/** What the topic says at the moment a record is added. */
export interface LaneSettings {
  readonly batchBytesMax: number;
  readonly compression: CompressionName;
}

/** One producer's way into one partition. */
export interface Lane {
  add(entry: LaneEntry, settings: LaneSettings): void;
  /** Sends what waits for more at once. */
  flush(): void;
}

const PAUSE_MS_FIRST = 50;
const PAUSE_MS_MAX = 1_000;

/**
 * Gathers records into batches and sends them in order, several at once. ⚑ A batch whose outcome is open is sent again
 * with the same bytes and sequence until it is known, and those behind it wait for it; so nothing is stored twice and
 * the order of sending is the order in the log. Without `sequences` one batch is sent at a time.
 */
export function createLane(parts: ClientParts, options: LaneOptions, sequences: Sequences | undefined): Lane {
  const { clock, random, log, codecs } = parts;
  /** Unsettled, in order; only the last can be open. */
  const queue: LaneBatch[] = [];
  let settings: LaneSettings = { batchBytesMax: 0, compression: 'none' };
  /** Batches that have lingered. */
  const ready = new WeakSet<LaneBatch>();
  let lingering = new AbortController();
  let isPausing = false;
  /** Whether storage knows the producer in its present epoch; until then it takes any sequence as the first. */
  let isKnown = sequences === undefined;

  const lastOpen = (): LaneBatch | undefined => {
    const last = queue.at(-1);
    return last?.state === 'open' ? last : undefined;
  };

  const add = (entry: LaneEntry, next: LaneSettings): void => {
    settings = next;
    const open = lastOpen();
    const isFull =
      open !== undefined && HEADER_BYTES + open.bytes + entry.bytes > Math.max(next.batchBytesMax, 1);
    if (isFull) flush();
    const batch = open === undefined || isFull ? begin() : open;
    batch.entries.push(entry);
    batch.bytes += entry.bytes;
  };

  const begin = (): LaneBatch => {
    const batch = openBatch(clock.monotonicMs() + options.deliveryTimeoutMs);
    queue.push(batch);
    lingering = new AbortController();
    const { lingerMs } = options;
    const lingered = lingerMs > 0 ? clock.sleep(lingerMs, lingering.signal) : Promise.resolve();
    void lingered
      .catch(() => undefined)
      .then(() => {
        // Where nothing can be sent now it stays open for more.
        ready.add(batch);
        advance();
      });
    return batch;
  };

  const flush = (): void => {
    const open = lastOpen();
    if (open === undefined) return;
    open.state = 'waiting';
    lingering.abort();
    advance();
  };

  const windowNow = (): number => {
    if (sequences === undefined || !isKnown) return 1;
    return queue.some(({ attemptCount }) => attemptCount > 1) || queue[0]?.state === 'waiting'
      ? 1
      : options.inFlightMax;
  };

  const advance = (): void => {
    if (isPausing) return;
    for (const batch of queue.filter(({ state }) => state !== 'sent')) {
      const sentCount = queue.filter(({ state }) => state === 'sent').length;
      if (sentCount >= windowNow() && sentCount > 0) return;
      if (batch.state === 'open' && !ready.has(batch)) return;
      start(batch);
    }
  };

  const start = (batch: LaneBatch): void => {
    batch.state = 'sent';
    batch.attemptCount += 1;
    void send(batch).then(
      (result) => succeeded(batch, result),
      (error) => failed(batch, error),
    );
  };

  const send = async (batch: LaneBatch): Promise<ProduceResult | undefined> => {
    const encoded = await encodedOf(batch);
    if (encoded === undefined) return undefined;
    const leftMs = batch.deadlineMs - clock.monotonicMs();
    const call = parts.newCall({ timeoutMs: Math.min(Math.max(leftMs, 1), options.requestTimeoutMs) });
    const { topic, partition } = options;
    const request: ProduceRequest = { topic, partition, batches: encoded.bytes.slice() };
    return log.produce(request, call);
  };

  /** Encodes what has never been sent, or was numbered in an epoch that is over. Undefined: nobody waits for any of it. */
  const encodedOf = async (batch: LaneBatch): Promise<EncodedBatch | undefined> => {
    const { encoded } = batch;
    if (encoded !== undefined && (batch.maybeStored || sequences === undefined || isCurrent(batch)))
      return encoded;
    leaveOutAbandoned(batch);
    if (batch.entries.length === 0) return undefined;
    const producer = await sequences?.take(batch.entries.length);
    const records = batch.entries.map(({ record }) => record);
    const { compression } = settings;
    const bytes = encodeBatch(codecs, records, { compression, ...(producer ? { producer } : {}) });
    batch.encoded = { bytes, identity: producer };
    return batch.encoded;
  };

  const succeeded = (batch: LaneBatch, result: ProduceResult | undefined): void => {
    remove(batch);
    if (result !== undefined) {
      if (isCurrent(batch)) isKnown = true;
      for (const [index, entry] of batch.entries.entries()) entry.stored(result, index);
    }
    advance();
  };

  const failed = (batch: LaneBatch, error: unknown): void => {
    batch.state = 'waiting';
    if (batch.encoded !== undefined && leavesOpen(error)) batch.maybeStored = true;
    const verdict = judgeFailure({
      error,
      maybeStored: batch.maybeStored,
      isFirst: queue[0] === batch,
      isIdempotent: sequences !== undefined,
      isTimeOver: clock.monotonicMs() >= batch.deadlineMs,
      attemptCount: batch.attemptCount,
    });
    switch (verdict.kind) {
      case 'again':
        void pauseThenAdvance(batch.attemptCount);
        return;
      case 'renumber':
        startEpochAfter(batch, verdict);
        break;
      case 'fail':
        remove(batch);
        // Its sequence is missing from now on, or nobody knows whether it is.
        startEpochAfter(batch);
        for (const entry of batch.entries) entry.failed(verdict.error);
    }
    advance();
  };

  const isCurrent = ({ encoded }: LaneBatch): boolean =>
    encoded?.identity !== undefined && sequences?.isCurrent(encoded.identity) === true;

  /** Nothing to do if the batch belongs to an epoch that is over already. */
  const startEpochAfter = (batch: LaneBatch, how?: { readonly newProducer: boolean }): void => {
    if (!isCurrent(batch)) return;
    sequences?.bump(how);
    isKnown = false;
  };

  const pauseThenAdvance = async (attemptCount: number): Promise<void> => {
    if (isPausing) return;
    isPausing = true;
    const ceilingMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(attemptCount - 1, 8));
    await clock.sleep(1 + random.next() * ceilingMs);
    isPausing = false;
    advance();
  };

  const remove = (batch: LaneBatch): void => {
    queue.splice(queue.indexOf(batch), 1);
  };

  return { add, flush };
}

/** They have been answered; only their room is given back. */
function leaveOutAbandoned(batch: LaneBatch): void {
  const kept: LaneEntry[] = [];
  for (const entry of batch.entries) {
    if (entry.isAbandoned()) entry.failed(undefined);
    else kept.push(entry);
  }
  batch.entries = kept;
}
