/** A value that changes over time, and starts out as `first`. */
export interface Series<T> {
  /** Called in the order of time. */
  add(atMs: number, value: T): void;
  at(ms: number): T;
  /** Every value up to that time, the first included. */
  upTo(ms: number): readonly T[];
}

export function createSeries<T>(first: T): Series<T> {
  const entries: { readonly atMs: number; readonly value: T }[] = [
    { atMs: Number.NEGATIVE_INFINITY, value: first },
  ];
  return {
    add: (atMs, value) => {
      entries.push({ atMs, value });
    },
    at: (ms) => entries.findLast(({ atMs }) => atMs <= ms)?.value ?? first,
    upTo: (ms) => entries.filter(({ atMs }) => atMs <= ms).map(({ value }) => value),
  };
}
