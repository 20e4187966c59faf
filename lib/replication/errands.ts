import type { ErrandContext, FlowErrand } from './flow-run.ts';

/** Errands of one run: one after the other, each in its own time. */
export interface Errands {
  /** Begins the next one that is due, unless one is under way. */
  goOn(
    nowMs: number,
    begin: () => ErrandContext,
    run: (errand: FlowErrand, context: ErrandContext) => Promise<void>,
  ): void;
  /** Whether each has had its turn. */
  readonly areDone: boolean;
  /** That which is under way. */
  readonly current: Promise<void> | undefined;
}

export function createErrands(
  errands: readonly FlowErrand[],
  onFault: (cause: unknown, doing: string) => void,
): Errands {
  const dueMs = new Map<FlowErrand, number>();
  let current: Promise<void> | undefined;
  return {
    goOn: (nowMs, begin, run) => {
      if (current !== undefined) return;
      const due = errands.find((errand) => nowMs >= (dueMs.get(errand) ?? 0));
      if (due === undefined) return;
      dueMs.set(due, nowMs + due.everyMs);
      current = run(due, begin())
        .catch((cause: unknown) => onFault(cause, `${due.name} failed; it is tried again`))
        .finally(() => {
          current = undefined;
        });
    },
    get areDone() {
      return current === undefined && errands.every((errand) => dueMs.has(errand));
    },
    get current() {
      return current;
    },
  };
}
