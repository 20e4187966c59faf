import type { Beat, GroupHistory } from './group-history.ts';
import type { GroupTruth, MemberRemoval } from './group-truth.ts';
import type { Violation } from './violation.ts';

/** Between the look that finds a member silent and its removal: what a request takes, with all its retries. */
const JUDGING_MS_MAX = 60_000;

export interface MemberEvidence {
  readonly truth: GroupTruth;
  readonly history: GroupHistory;
  /** How old the state may be that a heartbeat is answered from. */
  readonly staleMsMax: number;
  /** Whether the topic was on its way out: until that is known to all, a group may lose it and find it again. */
  readonly isDeleting: (pk: string, atMs: number) => boolean;
  /** Whether the process slept, or ran on a machine that did, for some of that time. */
  readonly slept: (process: string, fromMs: number, toMs: number) => boolean;
}

/** I12: a member that keeps sending heartbeats stays one, and of no partition two members at once are told it is theirs. */
export function checkMembers(evidence: MemberEvidence): Violation[] {
  const beats = [...evidence.history.beats].sort((a, b) => a.startedMs - b.startedMs);
  return [
    ...evidence.truth.removals.flatMap((removal) => checkRemoval(removal, beats, evidence)),
    ...checkOwners(beats, evidence),
  ];
}

/**
 * A member's sign of life may be written down a third of its session late, never later. So whoever was answered within
 * two thirds of it, the time of the judgement left out, was alive by any look.
 */
function checkRemoval(removal: MemberRemoval, beats: readonly Beat[], evidence: MemberEvidence): Violation[] {
  const { groupId, memberId, atMs, by } = removal;
  const own = beats.filter((beat) => beat.groupId === groupId && beat.startedMs <= atMs);
  const mine = own.filter((beat) => beat.memberId === memberId);
  const hasLeft = mine.some(({ memberEpoch }) => memberEpoch < 0);
  const instanceId = mine.at(-1)?.instanceId;
  const isReplaced =
    instanceId !== undefined &&
    own.some((beat) => beat.instanceId === instanceId && beat.memberId !== memberId);
  const isAsked = evidence.history.acts.some(
    (act) => act.groupId === groupId && act.act === 'delete' && act.startedMs <= atMs,
  );
  const last = mine.findLast(({ outcome, endedMs }) => outcome.kind === 'answered' && endedMs <= atMs);
  if (last === undefined || hasLeft || isReplaced || isAsked) return [];
  const certainMs = (last.sessionTimeoutMs * 2) / 3 - JUDGING_MS_MAX;
  const quietMs = atMs - last.startedMs;
  if (quietMs >= certainMs || evidence.slept(by, atMs - last.sessionTimeoutMs, atMs)) return [];
  const message = `${by} expelled ${memberId} from ${groupId}, ${Math.round(quietMs)} ms after a heartbeat`;
  return [{ invariant: 'I12', message, atMs }];
}

function checkOwners(beats: readonly Beat[], { staleMsMax, isDeleting }: MemberEvidence): Violation[] {
  const byMember = Map.groupBy(beats, ({ groupId, memberId }) => `${groupId} ${memberId}`);
  const holdings = [...byMember.values()].flatMap(holdingsOf);
  const byPartition = Map.groupBy(holdings, ({ groupId, pk }) => `${groupId} ${pk}`);
  return [...byPartition.values()].flatMap((same) =>
    same.flatMap((holding) => {
      const other = same.find(
        ({ memberId, sinceMs }) =>
          memberId !== holding.memberId &&
          holding.sinceMs < sinceMs &&
          sinceMs + staleMsMax < holding.confirmedMs,
      );
      if (other === undefined || isDeleting(holding.pk, holding.confirmedMs)) return [];
      const { groupId, pk, memberId, confirmedMs: atMs } = holding;
      const message = `${memberId} of ${groupId} still had ${pk}, and was a member, when ${other.memberId} was told to have it`;
      return [{ invariant: 'I12', message, atMs, where: pk } satisfies Violation];
    }),
  );
}

/** The time in which a member had a partition: from being told so until it said that it had given it up. */
interface Holding {
  readonly groupId: string;
  readonly memberId: string;
  readonly pk: string;
  readonly sinceMs: number;
  /** When it sent the last heartbeat that said so and was accepted. */
  confirmedMs: number;
}

function holdingsOf(beats: readonly Beat[]): Holding[] {
  const all: Holding[] = [];
  const held = new Map<string, Holding>();
  for (const { groupId, memberId, owned, outcome, startedMs, endedMs } of beats) {
    const givenUp = [...held.keys()].filter((pk) => !owned.includes(pk));
    for (const pk of givenUp) held.delete(pk);
    if (outcome.kind !== 'answered') continue;
    for (const holding of held.values()) holding.confirmedMs = Math.max(holding.confirmedMs, startedMs);
    for (const pk of (outcome.assigned ?? []).filter((assigned) => !held.has(assigned))) {
      const holding = { groupId, memberId, pk, sinceMs: endedMs, confirmedMs: 0 };
      held.set(pk, holding);
      all.push(holding);
    }
  }
  return all;
}
