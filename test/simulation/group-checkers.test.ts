import { describe, expect, it } from 'vitest';
import { checkDeliveries } from './check-deliveries.ts';
import { checkMembers, type MemberEvidence } from './check-members.ts';
import { checkPositions } from './check-positions.ts';
import { type Beat, type CommitAttempt, createGroupHistory, type Taking } from './group-history.ts';
import type { GroupTruth, PositionChange, StoredPosition } from './group-truth.ts';
import type { Violation } from './violation.ts';

const GROUP = 'billing';
const PK = 'T:0';
const DAY_MS = 86_400_000;

function span(startedMs: number): Pick<Beat, 'groupId' | 'process' | 'startedMs' | 'endedMs'> {
  return { groupId: GROUP, process: 'p0', startedMs, endedMs: startedMs + 5 };
}

function beat(memberId: string, startedMs: number, more: Partial<Beat> = {}): Beat {
  const outcome = { kind: 'answered', memberEpoch: 1, assigned: undefined } as const;
  const fixed = { instanceId: undefined, memberEpoch: 1, sessionTimeoutMs: 300_000, owned: [], outcome };
  return { ...span(startedMs), memberId, ...fixed, ...more };
}

function taking(memberId: string, startedMs: number, committed: CommitAttempt | undefined): Taking {
  const position = committed && { offset: committed.offset, metadata: committed.metadata };
  const outcome = { kind: 'taken', pk: PK, committed: position } as const;
  return { ...span(startedMs), memberId, memberEpoch: 1, topic: 't', partition: 0, outcome };
}

function commit(memberId: string, startedMs: number, offset: number): CommitAttempt {
  const metadata = `commit ${startedMs}`;
  const place = { memberEpoch: 1, topic: 't', partition: 0, pk: PK };
  return { ...span(startedMs), memberId, offset, metadata, ...place, outcome: { kind: 'committed' } };
}

function stood(owner: string, committed?: CommitAttempt): StoredPosition {
  return { owner, committed: committed && { offset: committed.offset, metadata: committed.metadata } };
}

/** What stood there, one after another, from those times on. */
function positions(...states: readonly (readonly [number, StoredPosition | undefined])[]): PositionChange[] {
  return states.map(([atMs, after], index) => {
    const before = states[index - 1]?.[1];
    return { groupId: GROUP, pk: PK, atMs, by: 'p0', before, after };
  });
}

function judge(found: readonly Violation[]): string[] {
  return found.map(({ invariant, message }) => `${invariant} ${message}`);
}

describe('the check of committed positions', () => {
  const first = commit('anna', 20, 5);
  const second = commit('bert', 50, 9);
  const good = positions(
    [12, stood('anna')],
    [22, stood('anna', first)],
    [42, stood('bert', first)],
    [52, stood('bert', second)],
  );
  const history = {
    ...createGroupHistory(),
    takings: [taking('anna', 10, undefined), taking('bert', 40, first)],
    commits: [first, second],
  };
  const check = (changes: readonly PositionChange[], more: Partial<typeof history> = {}): string[] =>
    judge(
      checkPositions({
        truth: { positions: changes, removals: [] },
        history: { ...history, ...more },
        isDeleting: () => false,
        endAt: () => 10,
      }),
    );

  it('finds nothing where two members follow each other', () => {
    expect(check(good)).toEqual([]);
  });

  it('notices a commit by a member that the partition had been taken from (I12)', () => {
    const late = commit('anna', 60, 11);
    const changes = [...good, ...positions([52, stood('bert', second)], [62, stood('bert', late)]).slice(1)];
    expect(check(changes, { commits: [first, second, late] })).toEqual([
      'I12 p0, group billing: anna committed 11 where bert had taken over',
    ]);
  });

  it('notices a position that goes back, unless somebody has asked for it (I11)', () => {
    const back = commit('bert', 60, 7);
    const changes = [...good, ...positions([52, stood('bert', second)], [62, stood('bert', back)]).slice(1)];
    const commits = [first, second, back];
    expect(check(changes, { commits })).toEqual([
      'I11 p0, group billing: the position went back from 9 to 7',
    ]);
    const reset = { ...span(58), act: 'reset', outcome: { kind: 'open' } } as const;
    expect(check(changes, { commits, acts: [reset] })).toEqual([]);
    const unheard = { ...second, endedMs: Number.POSITIVE_INFINITY };
    expect(check(changes, { commits: [first, unheard, back] })).toEqual([]);
  });

  it('notices a member that was told an old position (I11)', () => {
    expect(check(good, { takings: [taking('bert', 60, first)] })).toEqual([
      'I11 p0 told bert of billing to go on from 5, where 9 stood',
    ]);
  });

  it('notices a position that went away though the group was not quiet (I11)', () => {
    const changes = [...good, ...positions([52, stood('bert', second)], [8 * DAY_MS, undefined]).slice(1)];
    expect(check(changes)).toEqual([]);
    expect(check(changes, { beats: [beat('bert', 2 * DAY_MS)] })).toEqual([
      'I11 p0, group billing: the position 9 went away, though nobody had asked for it',
    ]);
    const deletion = { ...span(8 * DAY_MS - 2), act: 'delete', outcome: { kind: 'done' } } as const;
    expect(check(changes, { beats: [beat('bert', 2 * DAY_MS)], acts: [deletion] })).toEqual([]);
    const refused = { ...deletion, outcome: { kind: 'failed', code: 'NON_EMPTY_GROUP' } } as const;
    expect(check(changes, { beats: [beat('bert', 2 * DAY_MS)], acts: [refused] })).toHaveLength(1);
  });

  it('notices a commit that was refused though the log had come that far (I11)', () => {
    const outcome = { kind: 'failed', code: 'OFFSET_OUT_OF_RANGE' } as const;
    const refused = (offset: number): CommitAttempt => ({ ...commit('bert', 60, offset), outcome });
    expect(check(good, { commits: [first, second, refused(11)] })).toEqual([]);
    expect(check(good, { commits: [first, second, refused(10)] })).toEqual([
      'I11 p0 refused that billing commits 10, which the log had reached',
    ]);
  });

  it('notices a commit that was answered and never stored (I11)', () => {
    expect(check(good.slice(0, 3))).toEqual([
      'I11 p0 answered that billing had committed 9, but it was never stored',
    ]);
  });
});

describe('the check of members', () => {
  const check = (
    beats: readonly Beat[],
    removals: GroupTruth['removals'] = [],
    more: Partial<MemberEvidence> = {},
  ): string[] =>
    judge(
      checkMembers({
        truth: { positions: [], removals },
        history: { ...createGroupHistory(), beats: [...beats] },
        staleMsMax: 0,
        isDeleting: () => false,
        slept: () => false,
        ...more,
      }),
    );
  const answered = (...assigned: string[]): Pick<Beat, 'outcome'> => ({
    outcome: { kind: 'answered', memberEpoch: 1, assigned },
  });
  const removal = (memberId: string, atMs: number): GroupTruth['removals'] => [
    { groupId: GROUP, memberId, atMs, by: 'p1' },
  ];

  it('finds nothing where one gives up what the other is given', () => {
    const beats = [
      beat('anna', 0, answered(PK)),
      beat('anna', 10, { owned: [PK], ...answered() }),
      beat('anna', 20, { owned: [] }),
      beat('bert', 30, answered(PK)),
      beat('bert', 40, { owned: [PK] }),
    ];
    expect(check(beats)).toEqual([]);
  });

  it('notices a partition that two members have at once (I12)', () => {
    const beats = [
      beat('anna', 0, answered(PK)),
      beat('bert', 10, answered(PK)),
      beat('anna', 20, { owned: [PK] }),
    ];
    expect(check(beats)).toEqual([
      'I12 anna of billing still had T:0, and was a member, when bert was told to have it',
    ]);
    expect(check(beats, [], { staleMsMax: 10 })).toEqual([]);
  });

  it('notices a member that was expelled though it had just sent a heartbeat (I12)', () => {
    const beats = [beat('anna', 0), beat('anna', 100_000)];
    expect(check(beats, removal('anna', 200_000))).toEqual([
      'I12 p1 expelled anna from billing, 100000 ms after a heartbeat',
    ]);
    expect(check(beats, removal('anna', 300_000))).toEqual([]);
    expect(check(beats, removal('anna', 200_000), { slept: () => true })).toEqual([]);
  });

  it('excuses the removal of a member that left or was replaced', () => {
    const left = [beat('anna', 0), beat('anna', 10, { memberEpoch: -1 })];
    expect(check(left, removal('anna', 20))).toEqual([]);
    const replaced = [
      beat('anna', 0, { instanceId: 'i' }),
      beat('bert', 10, { instanceId: 'i', memberEpoch: 0 }),
    ];
    expect(check(replaced, removal('anna', 20))).toEqual([]);
  });
});

describe('the check of deliveries', () => {
  const due = [0, 1].map((offset) => ({ pk: PK, offset, text: `r${offset}` }));
  const delivery = { groupId: GROUP, memberId: 'anna', topic: 't', partition: 0, atMs: 1 };
  const check = (texts: readonly string[]): string[] =>
    judge(checkDeliveries({ groupIds: [GROUP], deliveries: [{ ...delivery, texts }], due, atMs: 9 }));

  it('takes a record twice, but not never (I11)', () => {
    expect(check(['r0', 'r1', 'r1'])).toEqual([]);
    expect(check(['r0'])).toEqual(['I11 no member of billing was ever given the record r1']);
  });
});
