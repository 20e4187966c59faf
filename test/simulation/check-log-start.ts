import { logStartFromItem } from '../../lib/segment/log-start.ts';
import { LOG_START_KEY } from '../../lib/segment/segment-item.ts';
import { configNumber, configValue, type TopicConfigs } from '../../lib/topic/configs.ts';
import type { History, RecordDeletion } from './history.ts';
import type { Past } from './past.ts';
import type { Storage } from './storage.ts';
import { isDeleting, livesOf, type TruePartition, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

export interface LogStartEvidence {
  readonly storage: Storage;
  readonly truth: Truth;
  readonly past: Past;
  readonly history: History;
  /** How far the clock of any process was ever off. */
  readonly clockErrorMsMax: number;
}

/**
 * I2, I3: the log start only moves forward, never beyond the end, and only as far as somebody asked to delete or as the
 * topic's retention says.
 */
export function checkLogStarts(evidence: LogStartEvidence): Violation[] {
  const found = evidence.history.recordDeletions.flatMap((deletion) => checkAnswer(evidence, deletion));
  for (const { key, item, before, atMs, by } of evidence.storage.catalog.changes) {
    if (key.sk !== LOG_START_KEY) continue;
    const from = before === undefined ? 0 : logStartFromItem(before).offset;
    const to = item && logStartFromItem(item).offset;
    const problem =
      to === undefined
        ? isDeleting(evidence.truth, key.pk, atMs) || 'it is gone'
        : problemWith(evidence, { pk: key.pk, from, to, atMs });
    if (typeof problem !== 'string') continue;
    const message = `${by} moved the log start from ${from}: ${problem}`;
    found.push({ invariant: 'I3', message, atMs, where: key.pk, offset: from });
  }
  return found;
}

/** Once it is answered that records are deleted, the log of some topic of that name starts behind them. */
function checkAnswer({ truth, past }: LogStartEvidence, deletion: RecordDeletion): Violation[] {
  const { outcome, topic, partition, offset, endedMs: atMs, process } = deletion;
  if (outcome.kind !== 'deleted') return [];
  const { logStartOffset } = outcome;
  const holds = livesOf(truth, topic).some(
    ({ topicId }) => past.logStartAt(`${topicId}:${partition}`, atMs) >= logStartOffset,
  );
  if (holds && logStartOffset >= offset) return [];
  const message = `${process} answered that ${topic}-${partition} starts at ${logStartOffset}, asked for ${offset}`;
  return [{ invariant: 'I2', message, atMs, where: `${topic}-${partition}`, offset }];
}

function problemWith(evidence: LogStartEvidence, move: Move): string | undefined {
  const { from, to, pk, atMs } = move;
  const partition = evidence.truth.partitions.get(pk);
  const end = partition?.endAt(atMs) ?? 0;
  if (to < from) return `back to ${to}`;
  if (to > end) return `to ${to}, beyond the end ${end}`;
  if (to === from || wasAsked(evidence, move) || isRetired(evidence, move, partition)) return undefined;
  return `to ${to}, which neither a request nor the topic's retention justifies`;
}

interface Move {
  readonly pk: string;
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
}

/** A request, answered or not, that had been sent by then. */
function wasAsked({ history, truth }: LogStartEvidence, { pk, to, atMs }: Move): boolean {
  return history.recordDeletions.some(
    ({ topic, partition, startedMs, offset }) =>
      startedMs <= atMs &&
      (offset === -1 || offset >= to) &&
      livesOf(truth, topic).some(({ topicId }) => pk === `${topicId}:${partition}`),
  );
}

/** With any configs the topic has had: a process may know the old ones for a minute, and longer if it was frozen. */
function isRetired(evidence: LogStartEvidence, move: Move, partition: TruePartition | undefined): boolean {
  return evidence.past
    .configsUpTo(move.pk, move.atMs)
    .some(
      (configs) =>
        configValue(configs, 'cleanup.policy').includes('delete') &&
        (isTooOld(evidence, configs, move, partition) || isTooMuch(configs, move, partition)),
    );
}

function isTooOld(
  { clockErrorMsMax, past }: LogStartEvidence,
  configs: TopicConfigs,
  { pk, from, to, atMs }: Move,
  partition: TruePartition | undefined,
): boolean {
  const keptMs = configNumber(configs, 'retention.ms');
  if (keptMs < 0) return false;
  for (let offset = from; offset < to; offset++) {
    if (past.mayBeCompactedAway(pk, offset, atMs)) continue;
    const timestampMs = partition?.records.get(offset)?.timestampMs ?? 0;
    if (timestampMs > atMs + clockErrorMsMax - keptMs) return false;
  }
  return true;
}

/** What had been stored from the new start on is at least what the topic may keep. */
function isTooMuch(configs: TopicConfigs, { to, atMs }: Move, partition: TruePartition | undefined): boolean {
  const keptBytes = configNumber(configs, 'retention.bytes');
  if (keptBytes < 0) return false;
  let bytes = 0;
  for (const { chunk, atMs: storedMs, bytes: chunkBytes } of partition?.chunks ?? []) {
    if (storedMs <= atMs && chunk.baseOffset >= to) bytes += chunkBytes;
  }
  return bytes >= keptBytes;
}
