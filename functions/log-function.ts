import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import { MillraceError } from '../lib/errors.ts';
import { createHttpHandler, type HttpHandler, type HttpHandlerOptions } from '../lib/http/handler.ts';
import type { Route } from '../lib/http/route.ts';
import type { Log } from '../lib/log.ts';
import { engineParts, openLog } from '../lib/open-log.ts';
import { storageError } from '../lib/partition/faults.ts';
import type { Call } from '../lib/storage/call.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import type { Table } from '../lib/storage/table.ts';
import { storedClusterId } from '../lib/topic/cluster-id.ts';
import { deployedStorage } from './deployed-storage.ts';
import { type FunctionEnvironment, readEnvironment } from './environment.ts';
import { foreignWriteCounter } from './foreign-writes.ts';
import { type HttpFunction, httpFunction } from './http-function.ts';
import { observer } from './observer.ts';

export interface LogFunctionOptions {
  readonly service: string;
  readonly routes: readonly Route[];
  /** Whether its role may make the cluster id, which the first function on new storage has to. */
  readonly mayInitialize: boolean;
  /** What its routes need besides the log. Each function brings its own, so that no other has to load it. @default nothing */
  readonly services?: (opened: OpenedLog) => FunctionServices;
}

export interface OpenedLog {
  readonly log: Log;
  readonly parts: EngineParts;
  readonly environment: FunctionEnvironment;
}

export type FunctionServices = Pick<
  HttpHandlerOptions,
  'groups' | 'positions' | 'maintenance' | 'flows' | 'region' | 'translation' | 'openApi'
>;

/** The composition root of the HTTP functions: the environment, AWS storage, the log, the routes. */
export function logFunction({
  service,
  routes,
  mayInitialize,
  services = () => ({}),
}: LogFunctionOptions): HttpFunction {
  const environment = readEnvironment(process.env);
  const clock = systemClock();
  const random = systemRandom();
  const watching = observer({ ...environment, service, random: random.next });

  const onForeignWrite = foreignWriteCounter(environment);

  const open = async (call: Call): Promise<HttpHandler> => {
    const storage = await deployedStorage(environment, { clock, random });
    const clusterId = mayInitialize ? undefined : await existingClusterId(engineParts(storage).catalog, call);
    const log = await openLog(
      { ...storage, onForeignWrite, ...(clusterId === undefined ? {} : { clusterId }) },
      call,
    );
    const parts = engineParts(storage);
    return createHttpHandler({
      log,
      catalog: parts.catalog,
      ...services({ log, parts, environment }),
      codecs: storage.codecs,
      clock,
      random,
      routes,
      onFault: ({ method, path, cause }) => watching.onFault(cause, `${method} ${path}`),
    });
  };
  return httpFunction({ open: (call) => answered(() => open(call)), clock, observer: watching });
}

async function existingClusterId(catalog: Table<string>, call: Call): Promise<string> {
  const clusterId = await storedClusterId(catalog, call);
  if (clusterId !== undefined) return clusterId;
  throw new MillraceError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    'Nothing has been created here yet: there is no topic',
  );
}

/** A fault while the log is opened is answered like one of its own. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StorageFault ? storageError(error) : error;
  }
}
