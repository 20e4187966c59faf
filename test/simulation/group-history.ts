/** What members of groups, and those who tend groups, saw. Partitions are named as in the tables: `topicId:partition`. */
export interface GroupHistory {
  readonly beats: Beat[];
  readonly takings: Taking[];
  readonly commits: CommitAttempt[];
  readonly deliveries: Delivery[];
  readonly acts: GroupAct[];
  readonly applied: Applied[];
}

export function createGroupHistory(): GroupHistory {
  return { beats: [], takings: [], commits: [], deliveries: [], acts: [], applied: [] };
}

/** When a request was sent and when its answer was heard, in true time. */
interface GroupSpan {
  readonly groupId: string;
  readonly process: string;
  readonly startedMs: number;
  /** Infinity if it never was. */
  endedMs: number;
}

export type Refusal = { readonly kind: 'failed'; readonly code: string } | { readonly kind: 'open' };

/** A member's heartbeat. */
export interface Beat extends GroupSpan {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  /** 0: it joins; below: it leaves. */
  readonly memberEpoch: number;
  readonly sessionTimeoutMs: number;
  /** What the member has at this moment. */
  readonly owned: readonly string[];
  /** What it has to have from now on. */
  outcome:
    | {
        readonly kind: 'answered';
        readonly memberEpoch: number;
        readonly assigned: readonly string[] | undefined;
      }
    | Refusal;
}

/** One partition that a member takes over. */
export interface Taking extends GroupSpan {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly topic: string;
  readonly partition: number;
  outcome:
    | { readonly kind: 'taken'; readonly pk: string; readonly committed: Position | undefined }
    | Refusal;
}

export interface Position {
  readonly offset: number;
  /** Of commits by members it names the attempt, so it is unique. */
  readonly metadata: string;
}

/** One partition of a commit. */
export interface CommitAttempt extends GroupSpan, Position {
  /** Undefined: on behalf of no member. */
  readonly memberId: string | undefined;
  readonly memberEpoch: number;
  readonly topic: string;
  readonly partition: number;
  /** Of the topic that it named. */
  readonly pk: string;
  outcome: { readonly kind: 'committed' } | Refusal;
}

/** Records that a member was given in one fetch, and has dealt with. */
export interface Delivery {
  readonly groupId: string;
  readonly memberId: string;
  readonly topic: string;
  readonly partition: number;
  readonly atMs: number;
  readonly texts: readonly string[];
}

/** Records that were dealt with in the very transaction that stored the position behind them. */
export interface Applied {
  readonly groupId: string;
  readonly memberId: string;
  readonly pk: string;
  readonly atMs: number;
  readonly texts: readonly string[];
}

/** Somebody deletes a group, forgets positions of it, or moves them. */
export interface GroupAct extends GroupSpan {
  readonly act: 'delete' | 'forget' | 'reset';
  outcome: { readonly kind: 'done' } | Refusal;
}
