/** What can be wrong with a log, by name. docs/operations.md says what each means and what to do. */
export type FindingName =
  /** The segment chain misses offsets, or has some twice. */
  | 'segment-gap'
  | 'segment-overlap'
  /** The hot chain above the sealed end misses offsets, or has some twice. */
  | 'hot-gap'
  | 'hot-overlap'
  /** Something refers to an object that is not there, or is shorter or longer than was said. */
  | 'object-missing'
  | 'object-size'
  /** Bytes that are no record batches; a batch whose checksum is wrong; batches that are not where they belong. */
  | 'batch-format'
  | 'batch-checksum'
  | 'batch-offsets'
  /** The sparse index, timestamps or summaries of an item do not tell what its bytes hold. */
  | 'index'
  | 'timestamps'
  | 'summaries'
  /** An unsealed chunk is past its expiry: storage may delete it at any time. */
  | 'expiry'
  | 'log-start'
  | 'compaction'
  /** The snapshot of producers lacks what is sealed, or tells of more than the log holds. */
  | 'producers'
  /** What an item tells of records of other regions does not fit what stands there. */
  | 'origins'
  /** Noted by the sweep, and not over. */
  | 'incident'
  /** An item or object that could not be read at all. */
  | 'unreadable';

export interface Finding {
  readonly name: FindingName;
  readonly topic: string;
  readonly partition: number;
  /** Where in the partition, if that is known. */
  readonly offset?: number;
  readonly message: string;
}

/** Where findings of one partition go. */
export type Find = (name: FindingName, message: string, offset?: number) => void;

export interface Counts {
  segmentCount: number;
  chunkCount: number;
  batchCount: number;
  recordCount: number;
  bytes: number;
}

export const newCounts = (): Counts => ({
  segmentCount: 0,
  chunkCount: 0,
  batchCount: 0,
  recordCount: 0,
  bytes: 0,
});
