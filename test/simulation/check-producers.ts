import { LIMITS } from '../../lib/limits.ts';
import type { History, ProduceAttempt, ProducerMark } from './history.ts';
import { type ProducerModel, producerVerdict } from './producer-model.ts';
import { livesOf, type TruePartition, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/**
 * I4 for producers with an id: their batches stand in the order of their sequences, each once and none missing, and who
 * was refused was refused for a reason. No id is ever given out twice.
 */
export function checkProducers(history: History, truth: Truth): Violation[] {
  const logs = new Map([...truth.partitions].map(([pk, partition]) => [pk, producerLog(partition)]));
  return [
    ...[...logs].flatMap(([pk, log]) => checkOrder(pk, log)),
    ...history.produces.flatMap((attempt) => checkRefusal(attempt, truth, logs)),
    ...checkIds(history),
  ];
}

/** What one partition holds of its producers, in the order in which it was stored. */
export type ProducerLog = readonly LoggedBatch[];

interface LoggedBatch extends ProducerModel {
  readonly by: string;
}

export function producerLog({ chunks }: Pick<TruePartition, 'chunks'>): ProducerLog {
  return chunks.flatMap(({ produced, atMs, by }) => produced.map((batch) => ({ ...batch, atMs, by })));
}

function checkOrder(pk: string, log: ProducerLog): Violation[] {
  const found: Violation[] = [];
  const before = new Map<number, LoggedBatch[]>();
  for (const batch of log) {
    const known = before.get(batch.producerId) ?? [];
    before.set(batch.producerId, known);
    const last = known.at(-1);
    // Whoever was silent for long may have been forgotten, and begins anew.
    const isRemembered = last !== undefined && batch.atMs - last.atMs < LIMITS.producerLifeMs;
    const verdict = producerVerdict(known, batch);
    if (verdict !== 'next' && !isRemembered) known.splice(0);
    if (verdict !== 'next' && isRemembered) {
      const message = `${batch.by} stored ${markText(batch)}, which was ${verdict}, behind ${markText(last)}`;
      found.push({ invariant: 'I4', message, atMs: batch.atMs, where: pk, offset: batch.baseOffset });
    }
    known.push(batch);
  }
  return found;
}

/** Refusals that say what the producer did wrong: at some moment of the request it must have been so. */
function checkRefusal(
  attempt: ProduceAttempt,
  truth: Truth,
  logs: ReadonlyMap<string, ProducerLog>,
): Violation[] {
  const { intent, outcome, startedMs, endedMs } = attempt;
  const { producer } = intent;
  if (producer === undefined || outcome.kind !== 'refused') return [];
  if (outcome.code !== 'OUT_OF_ORDER_SEQUENCE_NUMBER' && outcome.code !== 'INVALID_PRODUCER_EPOCH') return [];
  const isJust = livesOf(truth, attempt.topic).some(({ topicId }) => {
    const own = (logs.get(`${topicId}:${attempt.partition}`) ?? []).filter(
      ({ producerId, atMs }) => producerId === producer.producerId && atMs <= endedMs,
    );
    const later = own.filter(({ atMs }) => atMs >= startedMs).length;
    return Array.from({ length: later + 1 }, (_, newer) => own.slice(0, own.length - newer)).some(
      (known) => verdictOf(known, { ...producer, recordCount: intent.values.length }) === outcome.code,
    );
  });
  if (isJust) return [];
  const message = `${attempt.process} answered #${intent.id} (${markText(producer)}) with ${outcome.code} for no reason`;
  const where = `${attempt.topic}-${attempt.partition}`;
  return [{ invariant: 'I4', message, atMs: endedMs, where }];
}

function verdictOf(
  known: readonly ProducerModel[],
  batch: ProducerMark & { readonly recordCount: number },
): string {
  switch (producerVerdict(known, batch)) {
    case 'out of order':
    case 'there already, too long ago':
      return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    case 'of an old epoch':
      return 'INVALID_PRODUCER_EPOCH';
    case 'next':
    case 'there already':
      return '';
  }
}

function checkIds({ producerIds }: History): Violation[] {
  const seen = new Set<number>();
  return producerIds.flatMap(({ producerId, process, atMs }): Violation[] => {
    const isNew = !seen.has(producerId);
    seen.add(producerId);
    if (isNew) return [];
    return [{ invariant: 'I4', message: `${process} gave the producer id ${producerId} out again`, atMs }];
  });
}

function markText({ producerId, producerEpoch, baseSequence }: ProducerMark): string {
  return `producer ${producerId}, epoch ${producerEpoch}, sequence ${baseSequence}`;
}
