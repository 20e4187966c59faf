import type { History, Intent, ProduceAttempt } from './history.ts';
import { livesOf, type Place, type Truth } from './truth.ts';
import { FORBIDDEN_VALUE } from './vandal.ts';
import type { Violation } from './violation.ts';

/** I2, I3, I4: what was acknowledged is there, once, whole, at the offset that was told; what was refused is not (I10). */
export function checkProduces(history: History, truth: Truth): Violation[] {
  const found: Violation[] = [];
  for (const attempt of history.produces) found.push(...checkAcknowledgement(attempt, truth, history));
  const intents = new Set(history.produces.map(({ intent }) => intent));
  for (const intent of intents) found.push(...checkIntent(intent, truth));
  for (const { pk, offset, atMs } of truth.places.get(FORBIDDEN_VALUE) ?? []) {
    found.push({ invariant: 'I10', message: 'a bad request was stored', atMs, where: pk, offset });
  }
  return found;
}

function checkAcknowledgement(attempt: ProduceAttempt, truth: Truth, history: History): Violation[] {
  const { outcome, intent } = attempt;
  if (outcome.kind !== 'acknowledged') return [];
  const first = intent.values[0] ?? '';
  const lives = livesOf(truth, attempt.topic);
  const isIn = ({ pk, offset }: Place): boolean =>
    offset === outcome.baseOffset && lives.some(({ topicId }) => pk === `${topicId}:${attempt.partition}`);
  const place = truth.places.get(first)?.find(isIn);
  const report = (invariant: Violation['invariant'], message: string): Violation => ({
    invariant,
    message: `#${intent.id} was acknowledged by ${attempt.process} at ${outcome.baseOffset}, ${message}`,
    atMs: attempt.endedMs,
    where: place?.pk ?? `${attempt.topic}-${attempt.partition}`,
    offset: outcome.baseOffset,
  });
  if (place === undefined) return [report('I3', 'but was never stored there')];
  if (place.atMs > attempt.endedMs) return [report('I2', 'before it was stored')];
  const deletion = history.deletions.find(
    ({ topic, endedMs }) => topic === attempt.topic && endedMs < attempt.startedMs && endedMs < place.atMs,
  );
  const life = lives.find(({ topicId }) => place.pk.startsWith(`${topicId}:`));
  const wasDeleted = life !== undefined && deletion !== undefined && life.createdMs < deletion.startedMs;
  return wasDeleted ? [report('I3', 'in a topic whose deletion had been answered')] : [];
}

function checkIntent(intent: Intent, truth: Truth): Violation[] {
  const found: Violation[] = [];
  const places = intent.values.map((value) => truth.places.get(value) ?? []);
  const firsts = places[0] ?? [];
  const atMs = Math.max(0, ...places.flat().map((place) => place.atMs));
  const report = (message: string, place: Place | undefined): void => {
    const text = `#${intent.id} ${message}`;
    found.push({
      invariant: 'I4',
      message: text,
      atMs,
      ...(place === undefined ? {} : { where: place.pk, offset: place.offset }),
    });
  };
  const partitions = firsts.map(({ pk }) => pk);
  const twice = firsts.find(({ pk }, index) => partitions.indexOf(pk) !== index);
  if (twice !== undefined) {
    report(`was stored more than once: at ${firsts.map(({ offset }) => offset).join(' and ')}`, twice);
  }
  const isWhole = firsts.every((first) =>
    places.every((copies, index) =>
      copies.some(({ pk, offset }) => pk === first.pk && offset === first.offset + index),
    ),
  );
  const isEven = places.every((copies) => copies.length === firsts.length);
  if (!isWhole || !isEven) report('was stored in part', places.flat()[0]);
  const isRefused = intent.attempts.every(({ outcome }) => outcome.kind === 'refused');
  if (isRefused && firsts.length > 0) report('was refused, but stored', firsts[0]);
  return found;
}
