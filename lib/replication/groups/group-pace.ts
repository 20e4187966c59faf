/** What is remembered of a group between two looks, so that quiet groups cost little. */
export interface GroupPace {
  /** Of the group's positions in the source, as they were last. */
  readonly marks: string;
  /** Whether all of them have been dealt with. */
  readonly isSettled: boolean;
  /** On `Clock.monotonicMs`: when they last changed, when all was last gone through, when the next look is due. */
  readonly changedMs: number;
  readonly fullMs: number;
  readonly dueMs: number;
}

/** A group whose positions change is looked at as often as that. */
const PAUSE_MS_MIN = 5_000;
/** While the flow copies records, their consumers will commit soon. */
const PAUSE_MS_BUSY = 10_000;
/** Less than from one scheduled run to the next: who stops consumers to move them waits for one. */
const PAUSE_MS_MAX = 50_000;
/** A quiet group shows that it still lives: it expires after days. */
const FULL_MS = 21_600_000;

export interface GroupLook {
  readonly nowMs: number;
  /** What the positions are like; differs whenever one of them does. */
  readonly marks: string;
  readonly isBusy: boolean;
}

/** Whether the group has to be gone through, which is many times the cost of a look. */
export function isWorkDue(pace: GroupPace | undefined, { marks, nowMs }: GroupLook): boolean {
  return pace?.isSettled !== true || pace.marks !== marks || nowMs - pace.fullMs >= FULL_MS;
}

/** After a look, and after the work if it was due. The longer a group has been quiet, the longer the pause. */
export function paceAfter(
  before: GroupPace | undefined,
  { nowMs, marks, isBusy }: GroupLook,
  work?: { readonly isSettled: boolean },
): GroupPace {
  const isSettled = work?.isSettled ?? before?.isSettled ?? false;
  const changedMs = before?.marks === marks ? before.changedMs : nowMs;
  const pauseMsMax = isBusy ? PAUSE_MS_BUSY : PAUSE_MS_MAX;
  return {
    ...{ marks, isSettled, changedMs },
    fullMs: work === undefined ? (before?.fullMs ?? nowMs) : nowMs,
    dueMs: nowMs + Math.min(pauseMsMax, Math.max(PAUSE_MS_MIN, (nowMs - changedMs) / 10)),
  };
}
