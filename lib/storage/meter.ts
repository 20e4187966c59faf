/**
 * What storage calls used. Units follow AWS's rules whatever the adapter (lib/storage/units.ts), so that the embedded
 * node can say what the same work would cost there. Failed attempts count: AWS bills them.
 */
export interface Usage {
  /** DynamoDB write units (1 KB each) and read units (4 KB strong, 8 KB eventual). */
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly tableWrites: number;
  readonly tableReads: number;
  /** Conditional writes that lost; also counted in `tableWrites`. */
  readonly lostWrites: number;
  readonly objectPuts: number;
  readonly objectGets: number;
  readonly objectLists: number;
  readonly objectDeletes: number;
  readonly bytesWritten: number;
  readonly bytesRead: number;
}

export const NO_USAGE: Usage = Object.freeze({
  writeUnits: 0,
  readUnits: 0,
  tableWrites: 0,
  tableReads: 0,
  lostWrites: 0,
  objectPuts: 0,
  objectGets: 0,
  objectLists: 0,
  objectDeletes: 0,
  bytesWritten: 0,
  bytesRead: 0,
});

const FIELDS = Object.keys(NO_USAGE) as (keyof Usage)[];

/** us-east-1, on demand, in dollars (https://aws.amazon.com/dynamodb/pricing/on-demand/, https://aws.amazon.com/s3/pricing/). */
export const PRICES = {
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  objectPut: 5e-6,
  objectGet: 0.4e-6,
  objectList: 5e-6,
} as const;

export function dollarsOf(usage: Usage): number {
  return (
    usage.writeUnits * PRICES.writeUnit +
    usage.readUnits * PRICES.readUnit +
    usage.objectPuts * PRICES.objectPut +
    usage.objectGets * PRICES.objectGet +
    usage.objectLists * PRICES.objectList
  );
}

/** Adds up what a call used. A call that shares a write with others is charged its share, so figures may be fractions. */
export class Meter {
  #usage: { -readonly [field in keyof Usage]: number } = { ...NO_USAGE };

  add(used: Partial<Usage>, share = 1): void {
    for (const field of FIELDS) {
      const amount = used[field];
      if (amount !== undefined) this.#usage[field] += amount * share;
    }
  }

  get usage(): Usage {
    return { ...this.#usage };
  }
}
