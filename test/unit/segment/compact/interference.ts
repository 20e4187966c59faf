import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { Bucket } from '../../../../lib/storage/bucket.ts';
import type { SortKey, Table } from '../../../../lib/storage/table.ts';

/** Stands around every request of a process: may delay it, or let the process die before or after it. */
export type Around = <T>(request: () => Promise<T>) => Promise<T>;

/** The same storage, as a process sees it that something happens to. */
export function interferedWith(parts: EngineParts, around: Around): EngineParts {
  return {
    ...parts,
    hot: table(parts.hot, around),
    catalog: table(parts.catalog, around),
    bucket: bucket(parts.bucket, around),
  };
}

function table<S extends SortKey>(inner: Table<S>, around: Around): Table<S> {
  return {
    inlineBytesBreakEven: inner.inlineBytesBreakEven,
    get: (...args) => around(() => inner.get(...args)),
    put: (...args) => around(() => inner.put(...args)),
    query: (...args) => around(() => inner.query(...args)),
    delete: (...args) => around(() => inner.delete(...args)),
  };
}

function bucket(inner: Bucket, around: Around): Bucket {
  return {
    put: (...args) => around(() => inner.put(...args)),
    get: (...args) => around(() => inner.get(...args)),
    list: (...args) => around(() => inner.list(...args)),
    delete: (...args) => around(() => inner.delete(...args)),
  };
}

export class Died extends Error {}

/** Dies at the n-th request: it is not sent, or it is and the answer is never seen. Afterwards nothing is sent. */
export function dyingAt(n: number, options: { readonly afterwards: boolean }): Around {
  let sent = 0;
  return async (request) => {
    sent += 1;
    if (sent > n) throw new Died();
    if (sent < n) return request();
    if (options.afterwards) await request();
    throw new Died();
  };
}

/** Lets the requests of several processes through one at a time, in the order that the choices say. */
export function turnstile(choices: Iterator<number>): {
  readonly around: Around;
  run(work: Promise<unknown>): Promise<void>;
} {
  const waiting: (() => void)[] = [];
  return {
    around: async (request) => {
      await new Promise<void>((go) => waiting.push(go));
      return request();
    },
    run: async (work) => {
      let isDone = false;
      const done = work.finally(() => {
        isDone = true;
      });
      while (!isDone) {
        const { value = 0 } = choices.next();
        waiting.splice(Number(value) % Math.max(1, waiting.length), 1)[0]?.();
        await new Promise((settled) => setImmediate(settled));
      }
      await done;
    },
  };
}
