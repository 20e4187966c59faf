import type { Bucket } from '../../lib/storage/bucket.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import type { SortKey, Table } from '../../lib/storage/table.ts';
import type { BucketServer } from './bucket-server.ts';
import { copyItem } from './copy.ts';
import { exchange, type Link } from './network.ts';
import type { TableServer } from './table-server.ts';

/** The port of one process to one table: every call is one request over the faulty network. */
export function tablePort<S extends SortKey>(
  link: Link,
  server: TableServer<S>,
  options: { readonly name: string; readonly inlineBytesBreakEven: number },
): Table<S> {
  const { name } = options;
  const by = link.process.name;
  return {
    inlineBytesBreakEven: options.inlineBytesBreakEven,
    get: async (key, { consistent }, call) => {
      call.meter.add({ tableReads: 1 });
      const { value, observation } = await exchange(link, {
        name: `${name}.get`,
        write: false,
        fences: [],
        call,
        prepare: () => () => server.get(key, { consistent }),
      });
      return { item: value, observation };
    },
    put: async (item, { condition, fences = [] }, call) => {
      call.meter.add({ tableWrites: 1 });
      const { value, observation } = await exchange(link, {
        name: `${name}.put ${item.pk} ${item.sk} ${item.version}`,
        write: true,
        fences,
        call,
        prepare: () => {
          const sent = copyItem(item);
          return () => server.put(sent, condition, by);
        },
      });
      if (value.stored) return { stored: true, observation };
      call.meter.add({ lostWrites: 1 });
      return { stored: false, standing: value.standing, observation };
    },
    query: async (pk, range, call) => {
      call.meter.add({ tableReads: 1 });
      const { value, observation } = await exchange(link, {
        name: `${name}.query ${pk}`,
        write: false,
        fences: [],
        call,
        prepare: () => () => server.query(pk, range),
      });
      return { ...value, observation };
    },
    delete: async (key, { ifVersion }, call) => {
      call.meter.add({ tableWrites: 1 });
      const { value } = await exchange(link, {
        name: `${name}.delete ${key.pk} ${key.sk}`,
        write: true,
        fences: [],
        call,
        prepare: () => () => server.delete(key, ifVersion, by),
      });
      return { deleted: value };
    },
  };
}

export function bucketPort(link: Link, server: BucketServer): Bucket {
  const by = link.process.name;
  return {
    put: async (key, bytes, call) => {
      call.meter.add({ objectPuts: 1 });
      const { observation } = await exchange(link, {
        name: `bucket.put ${key}`,
        write: true,
        fences: [],
        call,
        prepare: () => {
          const sent = bytes.slice();
          return () => server.put(key, sent, by);
        },
      });
      return { observation };
    },
    get: async (key, range, call) => {
      call.meter.add({ objectGets: 1 });
      const { value } = await exchange(link, {
        name: `bucket.get ${key}`,
        write: false,
        fences: [],
        call,
        prepare: () => () => server.get(key),
      });
      if (value === undefined || range === undefined) return value?.slice();
      if (range.start >= value.length) {
        throw new StorageFault('damaged', `${key}: byte ${range.start} of ${value.length}`);
      }
      return value.slice(range.start, range.start + range.length);
    },
    list: async (prefix, { after = '', limit }, call) => {
      call.meter.add({ objectLists: 1 });
      const { value } = await exchange(link, {
        name: `bucket.list ${prefix}`,
        write: false,
        fences: [],
        call,
        prepare: () => () => server.list(prefix, after, limit),
      });
      return value;
    },
    delete: async (keys, call) => {
      call.meter.add({ objectDeletes: 1 });
      await exchange(link, {
        name: `bucket.delete ${keys.length} objects`,
        write: true,
        fences: [],
        call,
        prepare: () => () => {
          for (const key of keys) server.delete(key, by);
        },
      });
    },
  };
}
