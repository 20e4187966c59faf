import type { Bucket } from '../../lib/storage/bucket.ts';
import type { Table } from '../../lib/storage/table.ts';
import type { WithinAttempts } from '../../lib/storage/within.ts';
import { type BucketServer, createBucketServer } from './bucket-server.ts';
import type { Link, NetworkConduct } from './network.ts';
import { bucketPort, tablePort } from './ports.ts';
import type { SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { createTableServer, type TableConduct, type TableServer } from './table-server.ts';
import type { Trace } from './trace.ts';
import { type ClientPart, createTransactionServer, transactionPort } from './transactions.ts';

/** Both tables and the bucket: the truth, and ports to it over a network that may be bad. */
export interface Storage {
  readonly hot: TableServer<number>;
  readonly catalog: TableServer<string>;
  readonly bucket: BucketServer;
  /** One attempt per call, as adapters have them: the engine brings the retries. */
  ports(process: SimProcess, network: NetworkConduct): Ports;
}

export interface Ports {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
  /** Items of the log together with a client's part. */
  readonly within: {
    hot(part: ClientPart): WithinAttempts<number>;
    catalog(part: ClientPart): WithinAttempts<string>;
  };
}

export interface StorageTools {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly trace: Trace;
}

export function createStorage(
  tools: StorageTools,
  conduct: TableConduct,
  inlineBytesBreakEven: number,
): Storage {
  const hot = createTableServer<number>('hot', tools, conduct);
  const catalog = createTableServer<string>('catalog', tools, conduct);
  const bucket = createBucketServer(tools);
  const { scheduler } = tools;
  const transactions = {
    hot: createTransactionServer(scheduler, hot),
    catalog: createTransactionServer(scheduler, catalog),
  };
  return {
    hot,
    catalog,
    bucket,
    ports: (process, network) => {
      const link = (): Link => ({
        ...tools,
        process,
        random: tools.random.fork(),
        conduct: network,
        signing: { offsetMs: 0 },
      });
      // One client for both tables, as in a composition root: they share what it learns about its clock.
      const tables = link();
      return {
        hot: tablePort(tables, hot, { name: 'hot', inlineBytesBreakEven }),
        catalog: tablePort(tables, catalog, { name: 'catalog', inlineBytesBreakEven }),
        bucket: bucketPort(link(), bucket),
        within: {
          hot: (part) => transactionPort(tables, transactions.hot, part),
          catalog: (part) => transactionPort(tables, transactions.catalog, part),
        },
      };
    },
  };
}
