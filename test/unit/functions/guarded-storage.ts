import { type FunctionName, PERMISSIONS, type Permissions } from '../../../infra/constructs/permissions.ts';
import { createHttpHandler, type HttpHandler } from '../../../lib/http/handler.ts';
import { routesOf } from '../../../lib/http/mount.ts';
import type { RouteGroup } from '../../../lib/http/route.ts';
import { ALL_ROUTES } from '../../../lib/http/routes.ts';
import { openMaintenance } from '../../../lib/maintenance.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import type { Bucket } from '../../../lib/storage/bucket.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { SortKey, Table } from '../../../lib/storage/table.ts';
import { storedClusterId } from '../../../lib/topic/cluster-id.ts';
import { memoryStorage, newCall } from '../../support/log-on-memory.ts';
import { type VirtualClock, virtualClock } from '../storage/virtual-clock.ts';

/** One storage for all tests of a file, and what was refused on it. */
export const clock: VirtualClock = virtualClock();
export const storage: LogOptions = memoryStorage(clock);
export const refusals: string[] = [];

/** As IAM's StringLike, of which only `*` is used. */
const matches = (patterns: readonly string[], text: string): boolean =>
  patterns.some((pattern) => {
    const [first = '', ...rest] = pattern.split('*').map((part) => RegExp.escape(part));
    return new RegExp(`^${[first, ...rest].join('.*')}$`, 's').test(text);
  });

export interface Guard {
  /** For messages. */
  readonly name: string;
  readonly permissions: Permissions;
}

function check(name: string, what: string, allowed: boolean): void {
  if (allowed) return;
  refusals.push(`${name}: ${what}`);
  throw new StorageFault('refused', `${name} may not: ${what}`);
}

function guardedTable<S extends SortKey>(
  table: Table<S>,
  { name, permissions }: Guard,
  which: 'hot' | 'catalog',
): Table<S> {
  const may = (action: string, pk: string): void => {
    const allowed = permissions[which].some(
      ({ actions, leadingKeys = ['*'] }) =>
        actions.some((one) => one === `dynamodb:${action}`) && matches(leadingKeys, pk),
    );
    check(name, `${which} ${action} ${pk}`, allowed);
  };
  return {
    ...table,
    get: async (key, ...rest) => {
      may('GetItem', key.pk);
      return table.get(key, ...rest);
    },
    put: async (item, ...rest) => {
      may('PutItem', item.pk);
      return table.put(item, ...rest);
    },
    query: async (pk, ...rest) => {
      may('Query', pk);
      return table.query(pk, ...rest);
    },
    delete: async (key, ...rest) => {
      may('DeleteItem', key.pk);
      return table.delete(key, ...rest);
    },
  };
}

function guardedBucket(bucket: Bucket, { name, permissions }: Guard): Bucket {
  const may = (action: string, key: string): void => {
    const allowed = permissions.bucket.some(
      ({ actions, keys }) => actions.some((one) => one === `s3:${action}`) && matches(keys, key),
    );
    check(name, `object ${action} ${key}`, allowed);
  };
  return {
    get: async (key, ...rest) => {
      may('GetObject', key);
      return bucket.get(key, ...rest);
    },
    put: async (key, ...rest) => {
      may('PutObject', key);
      may('GetObject', key); // a retry looks when the object was stored
      return bucket.put(key, ...rest);
    },
    list: async (...args) => {
      check(name, 'list', permissions.listBucket);
      return bucket.list(...args);
    },
    delete: async (keys, ...rest) => {
      for (const key of keys) may('DeleteObject', key);
      return bucket.delete(keys, ...rest);
    },
  };
}

/**
 * Storage that refuses what the role of a function may not do: what IAM would refuse on AWS, leading keys included, which
 * emulators do not know.
 */
export function guarded(storage: LogOptions, guard: Guard): LogOptions {
  return {
    ...storage,
    hot: guardedTable(storage.hot, guard, 'hot'),
    catalog: guardedTable(storage.catalog, guard, 'catalog'),
    bucket: guardedBucket(storage.bucket, guard),
  };
}

/** The storage of all tests, as a function may use it. */
export function storageOf(name: FunctionName): LogOptions {
  return guarded(storage, { name, permissions: PERMISSIONS[name] });
}

/** Opened as the functions do it: only admin may make the cluster id. */
export async function open(name: FunctionName, routeGroups: readonly RouteGroup[]): Promise<HttpHandler> {
  const own = storageOf(name);
  const call = newCall(own.clock);
  const clusterId = name === 'admin' ? undefined : await storedClusterId(own.catalog, call);
  const log = await openLog({ ...own, ...(clusterId === undefined ? {} : { clusterId }) }, call);
  const onFault = ({ cause }: { readonly cause: unknown }): void => {
    throw cause;
  };
  const parts = engineParts(own);
  const maintenance = openMaintenance(parts, { leavesToExpiry: true });
  const groups = openGroups(parts, log);
  const routes = routesOf(ALL_ROUTES, ...routeGroups);
  return createHttpHandler({ ...own, log, groups, maintenance, routes, onFault });
}
