import type { Bucket } from './bucket.ts';
import type { SortKey, Table } from './table.ts';

/** A table that is looked for when it is first asked for something; what `open` throws is what the call throws. */
export function tableOpenedLater<S extends SortKey>(
  open: () => Promise<Table<S>>,
  { inlineBytesBreakEven }: Pick<Table<S>, 'inlineBytesBreakEven'>,
): Table<S> {
  return {
    inlineBytesBreakEven,
    get: async (...args) => (await open()).get(...args),
    put: async (...args) => (await open()).put(...args),
    query: async (...args) => (await open()).query(...args),
    delete: async (...args) => (await open()).delete(...args),
  };
}

export function bucketOpenedLater(open: () => Promise<Bucket>): Bucket {
  return {
    put: async (...args) => (await open()).put(...args),
    get: async (...args) => (await open()).get(...args),
    list: async (...args) => (await open()).list(...args),
    delete: async (...args) => (await open()).delete(...args),
  };
}
