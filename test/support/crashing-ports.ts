import type { DynamoAttempts } from '../../lib/adapters/dynamodb/index.ts';
import type { LogOptions } from '../../lib/open-log.ts';

/** Where in a request a process dies: storage never hears of it, or carries it out and nobody hears of that. */
export type CrashMoment = 'before' | 'after';

export interface CrashingProcess {
  readonly storage: LogOptions;
  readonly transactions: DynamoAttempts;
  /** Runs the process's work until it ends or the process dies. */
  live<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly crashed: false; readonly value: T } | { readonly crashed: true }>;
  readonly requestCount: () => number;
}

/**
 * A process that dies at its n-th request to storage (from 0): it is never answered again, by anything, and nothing that
 * it goes on to do reaches storage.
 */
export function crashingProcess(
  storage: LogOptions,
  transactions: DynamoAttempts,
  crash: { readonly atRequest: number; readonly moment: CrashMoment },
): CrashingProcess {
  let requests = 0;
  const { promise: death, resolve: die } = Promise.withResolvers<{ readonly crashed: true }>();
  const never = (): Promise<never> => new Promise(() => undefined);

  const sent = async <T>(request: () => Promise<T>): Promise<T> => {
    const number = requests;
    requests += 1;
    if (number < crash.atRequest) return request();
    if (number === crash.atRequest && crash.moment === 'after') await request().catch(() => undefined);
    die({ crashed: true });
    return never();
  };
  /** Every method of a port is a request. */
  const port = <T extends object>(inner: T): T =>
    new Proxy(inner, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => sent(() => member.apply(target, args) as Promise<unknown>);
      },
    });
  return {
    storage: {
      ...storage,
      hot: port(storage.hot),
      catalog: port(storage.catalog),
      bucket: port(storage.bucket),
    },
    transactions: {
      hot: (items) => port(transactions.hot(items)),
      catalog: (items) => port(transactions.catalog(items)),
    },
    live: (work) => Promise.race([work().then((value) => ({ crashed: false as const, value })), death]),
    requestCount: () => requests,
  };
}
