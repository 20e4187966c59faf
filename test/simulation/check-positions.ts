import { LIMITS } from '../../lib/limits.ts';
import type { CommitAttempt, GroupAct, GroupHistory, Taking } from './group-history.ts';
import type { GroupTruth, PositionChange, StoredPosition } from './group-truth.ts';
import type { Violation } from './violation.ts';

export interface PositionEvidence {
  readonly truth: GroupTruth;
  readonly history: GroupHistory;
  /** Whether the topic was on its way out. */
  readonly isDeleting: (pk: string, atMs: number) => boolean;
  /** Where the partition ended. */
  readonly endAt: (pk: string, atMs: number) => number;
}

/**
 * I11 and I12 for committed positions: they are moved by the member that took the partition over last and by nobody
 * else, they go back or away only if somebody asks for it, and whoever takes a partition over is told where it stands.
 */
export function checkPositions(evidence: PositionEvidence): Violation[] {
  const attempts = new Map(evidence.history.commits.map((commit) => [commit.metadata, commit]));
  return [
    ...evidence.truth.positions.flatMap((change) => checkChange(change, evidence, attempts)),
    ...evidence.history.commits.flatMap((commit) => checkCommitted(commit, evidence)),
    ...evidence.history.takings.flatMap((taking) => checkTaking(taking, evidence)),
  ];
}

function checkChange(
  change: PositionChange,
  evidence: PositionEvidence,
  attempts: ReadonlyMap<string, CommitAttempt>,
): Violation[] {
  const { before, after, pk, atMs, by, groupId } = change;
  const report = (invariant: 'I11' | 'I12', message: string): Violation[] => [
    { invariant, message: `${by}, group ${groupId}: ${message}`, atMs, where: pk, offset: offsetOf(after) },
  ];
  if (before?.committed !== undefined && after?.committed === undefined) {
    if (mayVanish(change, evidence)) return [];
    return report('I11', `the position ${before.committed.offset} went away, though nobody had asked for it`);
  }
  if (after?.committed === undefined || after.committed.metadata === before?.committed?.metadata) return [];
  const attempt = attempts.get(after.committed.metadata);
  if (attempt?.memberId !== undefined && before?.owner !== attempt.memberId) {
    const owner = before?.owner ?? 'nobody';
    return report('I12', `${attempt.memberId} committed ${attempt.offset} where ${owner} had taken over`);
  }
  const isBack = after.committed.offset < (before?.committed?.offset ?? 0);
  if (!isBack || wasAsked(change, evidence.history, ['reset'])) return [];
  if (attempt !== undefined && overlaps(attempt, attempts.get(before?.committed?.metadata ?? ''))) return [];
  return report(
    'I11',
    `the position went back from ${before?.committed?.offset} to ${after.committed.offset}`,
  );
}

/** A member that did not wait for an answer may find its commits carried out in any order. */
function overlaps(commit: CommitAttempt, other: CommitAttempt | undefined): boolean {
  if (other === undefined || other.memberId !== commit.memberId) return false;
  return commit.startedMs < other.endedMs && other.startedMs < commit.endedMs;
}

/** A group that was deleted or had long been quiet, or a topic that is gone. */
function mayVanish(change: PositionChange, { history, isDeleting }: PositionEvidence): boolean {
  const { groupId, pk, atMs } = change;
  if (wasAsked(change, history, ['delete', 'forget']) || isDeleting(pk, atMs)) return true;
  const activeMs = Math.max(0, ...[...history.beats, ...history.commits].map(lifeSignMs(groupId, atMs)));
  return atMs - activeMs >= LIMITS.offsetsRetentionMs;
}

function lifeSignMs(
  groupId: string,
  untilMs: number,
): (span: CommitAttempt | GroupHistory['beats'][number]) => number {
  return ({ groupId: other, outcome, startedMs, endedMs }) =>
    other === groupId && outcome.kind !== 'failed' && outcome.kind !== 'open' && endedMs <= untilMs
      ? startedMs
      : 0;
}

function wasAsked(
  { groupId, atMs }: PositionChange,
  { acts }: GroupHistory,
  kinds: readonly GroupAct['act'][],
): boolean {
  return acts.some((act) => act.groupId === groupId && kinds.includes(act.act) && covers(act, atMs, atMs));
}

/**
 * Whether it may have been done in that time. What ended with an error that leaves it open may be done later; and where
 * somebody joined in the middle, some positions may have been moved before that showed. A group is deleted at once.
 */
function covers({ act, outcome, startedMs, endedMs }: GroupAct, fromMs: number, toMs: number): boolean {
  const isOpen = outcome.kind === 'open' || (outcome.kind === 'failed' && OPEN_CODES.has(outcome.code));
  const mayBePart = outcome.kind === 'done' || act !== 'delete';
  return startedMs <= toMs && (isOpen || (mayBePart && fromMs <= endedMs));
}

const OPEN_CODES: ReadonlySet<string> = new Set(['REQUEST_TIMED_OUT', 'UNKNOWN_SERVER_ERROR']);

/** A commit that was answered has been stored by then, and none is refused for an end that the log has passed. */
function checkCommitted(commit: CommitAttempt, { truth, history, endAt }: PositionEvidence): Violation[] {
  const { groupId, metadata, outcome, startedMs, endedMs, process, offset, pk } = commit;
  const isBeyond = outcome.kind === 'failed' && outcome.code === 'OFFSET_OUT_OF_RANGE';
  if (isBeyond && endAt(pk, startedMs) >= offset) {
    const message = `${process} refused that ${groupId} commits ${offset}, which the log had reached`;
    return [{ invariant: 'I11', message, atMs: endedMs, where: pk, offset }];
  }
  if (outcome.kind !== 'committed') return [];
  const isStored = truth.positions.some(
    (change) =>
      change.groupId === groupId && change.after?.committed?.metadata === metadata && change.atMs <= endedMs,
  );
  const isDeleted = history.acts.some(
    (act) => act.groupId === groupId && act.act === 'delete' && covers(act, startedMs, endedMs),
  );
  if (isStored || isDeleted) return [];
  const message = `${process} answered that ${groupId} had committed ${offset}, but it was never stored`;
  return [{ invariant: 'I11', message, atMs: endedMs, where: `${commit.topic}-${commit.partition}` }];
}

/** What a member is told when it takes a partition over stood there at some moment of that request. */
function checkTaking({ outcome, ...taking }: Taking, { truth, isDeleting }: PositionEvidence): Violation[] {
  if (outcome.kind !== 'taken' || isDeleting(outcome.pk, taking.endedMs)) return [];
  const { groupId, memberId, process, startedMs, endedMs } = taking;
  const changes = truth.positions.filter((change) => change.groupId === groupId && change.pk === outcome.pk);
  const first = changes.findLast(({ atMs }) => atMs < startedMs)?.after;
  const during = changes.filter(({ atMs }) => atMs >= startedMs && atMs <= endedMs).map(({ after }) => after);
  if ([first, ...during].some((stood) => isSame(stood, outcome.committed))) return [];
  const told = outcome.committed?.offset ?? 'nothing';
  const message = `${process} told ${memberId} of ${groupId} to go on from ${told}, where ${offsetOf(first)} stood`;
  return [{ invariant: 'I11', message, atMs: endedMs, where: outcome.pk, offset: offsetOf(first) }];
}

function isSame(
  stood: StoredPosition | undefined,
  told: { readonly offset: number; readonly metadata: string } | undefined,
): boolean {
  return stood?.committed?.offset === told?.offset && stood?.committed?.metadata === told?.metadata;
}

function offsetOf(position: StoredPosition | undefined): number {
  return position?.committed?.offset ?? -1;
}
