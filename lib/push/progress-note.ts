/**
 * What a commit says besides the position, in its metadata: that the records from the position up to `to` have been sent
 * together, in vain, so many times. Whoever takes the partition over goes on counting.
 */
export interface ProgressNote {
  readonly failures: number;
  /** An offset, not included. */
  readonly to: number;
}

const PATTERN = /^push: (\d{1,6}) failures up to (\d{1,16})$/;

export function encodeNote({ failures, to }: ProgressNote): string {
  return `push: ${failures} failures up to ${to}`;
}

/** Undefined for whatever else stands there. */
export function parseNote(metadata: string): ProgressNote | undefined {
  const [, failures, to] = PATTERN.exec(metadata) ?? [];
  return failures === undefined || to === undefined
    ? undefined
    : { failures: Number(failures), to: Number(to) };
}
