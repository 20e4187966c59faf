/** A broken promise of the log, with what is needed to look for its cause. */
export interface Violation {
  /** I1 … I8 and I10 … I12 of docs/guarantees.md. */
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I10' | 'I11' | 'I12';
  readonly message: string;
  readonly atMs: number;
  /** Partition key of the tables, or topic and partition. */
  readonly where?: string;
  readonly offset?: number;
}
