/** What one run has seen and done; a sweep of a large bucket takes several. */
export interface SweepReport {
  readonly listedCount: number;
  readonly deletedCount: number;
  readonly deletedBytes: number;
  /** Why the others were kept. */
  readonly kept: { readonly young: number; readonly referenced: number; readonly unsure: number };
  /** Objects that Millrace cannot have put there; they are never deleted. */
  readonly foreign: { readonly count: number; readonly examples: readonly string[] };
  /** Partitions whose references could not be read: what they may refer to was kept. */
  readonly failures: readonly { readonly partition: string; readonly reason: string }[];
  /** False if there was not enough time: the next run goes on where this one stopped. */
  readonly isComplete: boolean;
}

const EXAMPLES_MAX = 20;

/** A report in the making. */
export type SweepTally = {
  -readonly [name in keyof Omit<SweepReport, 'isComplete'>]: Writable<SweepReport[name]>;
};
type Writable<T> = T extends readonly (infer E)[]
  ? E[]
  : T extends object
    ? { -readonly [name in keyof T]: Writable<T[name]> }
    : T;

export function newTally(): SweepTally {
  return {
    listedCount: 0,
    deletedCount: 0,
    deletedBytes: 0,
    kept: { young: 0, referenced: 0, unsure: 0 },
    foreign: { count: 0, examples: [] },
    failures: [],
  };
}

export function noteForeign({ foreign }: SweepTally, key: string): void {
  foreign.count += 1;
  if (foreign.examples.length < EXAMPLES_MAX) foreign.examples.push(key);
}
