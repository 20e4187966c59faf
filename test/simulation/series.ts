/** A value that changes over time, and starts out as `first`. */
export interface Series<T> {
  /** Called in the order of time. */
  add(atMs: number, value: T): void;
  at(ms: number): T;
  /** When it first was so; Infinity if it never was. */
  firstMs(holds: (value: T) => boolean): number;
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
    firstMs: (holds) => entries.find(({ value }) => holds(value))?.atMs ?? Number.POSITIVE_INFINITY,
    upTo: (ms) => entries.filter(({ atMs }) => atMs <= ms).map(({ value }) => value),
  };
}
