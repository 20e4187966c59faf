import { type AttributeValue, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { openMillrace } from '../../lib/index.ts';
import { type Order, PARTITION_COUNT, type Scene, TOPIC } from './scene.ts';

/** What three places say that know nothing of each other. */
export interface Accounts {
  /** The table of orders. */
  readonly orders: readonly Order[];
  /** The log, in the order of its partitions. */
  readonly events: readonly Order[];
  /** Customer to what the projection has summed up. */
  readonly totals: ReadonlyMap<string, { readonly orders: number; readonly cents: number }>;
  /** Article to what the orders took. */
  readonly sold: ReadonlyMap<string, number>;
}

export async function readAccounts(scene: Scene): Promise<Accounts> {
  const client = new DynamoDBClient(scene.aws);
  try {
    const [orders, totals, stock] = await Promise.all(
      [scene.ordersTable, scene.totalsTable, scene.stockTable].map((table) => scan(client, table)),
    );
    return {
      orders: (orders ?? []).map((item) => ({
        id: text(item, 'id'),
        customer: text(item, 'customer'),
        article: text(item, 'article'),
        cents: count(item, 'cents'),
      })),
      events: await readEvents(scene),
      totals: new Map(
        (totals ?? []).map((item) => [
          text(item, 'id'),
          { orders: count(item, 'orders'), cents: count(item, 'cents') },
        ]),
      ),
      sold: new Map((stock ?? []).map((item) => [text(item, 'id'), count(item, 'sold')])),
    };
  } finally {
    client.destroy();
  }
}

/** How many events the projection has counted. */
export async function countedEvents(client: DynamoDBClient, { totalsTable }: Scene): Promise<number> {
  const totals = await scan(client, totalsTable);
  return totals.reduce((sum, item) => sum + count(item, 'orders'), 0);
}

/** Everything that does not fit; empty if each order has its event, and each event counts once. */
export function problemsOf({ orders, events, totals, sold }: Accounts): string[] {
  const problems: string[] = [];
  const told = Map.groupBy(events, ({ id }) => id);
  for (const { id } of orders) {
    const times = told.get(id)?.length ?? 0;
    if (times !== 1) problems.push(`order ${id} has ${times} events`);
    told.delete(id);
  }
  for (const id of told.keys()) problems.push(`an event tells of order ${id}, which is not there`);
  for (const [customer, theirs] of Map.groupBy(orders, (order) => order.customer)) {
    const total = totals.get(customer);
    const cents = theirs.reduce((sum, order) => sum + order.cents, 0);
    if (total?.orders === theirs.length && total.cents === cents) continue;
    problems.push(
      `${customer} spent ${cents} in ${theirs.length} orders; the projection says ${JSON.stringify(total)}`,
    );
  }
  for (const [article, theirs] of Map.groupBy(orders, (order) => order.article)) {
    if (sold.get(article) === theirs.length) continue;
    problems.push(`${theirs.length} orders of a ${article}; the stock says ${sold.get(article)}`);
  }
  return problems;
}

async function readEvents(scene: Scene): Promise<Order[]> {
  const millrace = await openMillrace({ aws: scene.aws });
  const consumer = millrace.consumer({ autoOffsetReset: 'earliest' });
  const events: Order[] = [];
  const ends = new Map<number, number>();
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    const { offset } = await millrace.admin.listOffsets({ topic: TOPIC, partition, at: 'latest' });
    if (offset > 0) ends.set(partition, offset);
  }
  await consumer.assign([...ends.keys()].map((partition) => ({ topic: TOPIC, partition })));
  if (ends.size > 0) {
    for await (const { partition, offset, value } of consumer) {
      events.push(JSON.parse(String(value)) as Order);
      if (offset + 1 === ends.get(partition)) ends.delete(partition);
      if (ends.size === 0) break;
    }
  }
  await millrace.close();
  return events;
}

type Item = Readonly<Record<string, AttributeValue>>;

async function scan(client: DynamoDBClient, TableName: string): Promise<Item[]> {
  const items: Item[] = [];
  let from: Item | undefined;
  do {
    const page = await client.send(
      new ScanCommand({ TableName, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
    );
    items.push(...(page.Items ?? []));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return items;
}

const text = (item: Item, name: string): string => item[name]?.S ?? '';
const count = (item: Item, name: string): number => Number(item[name]?.N ?? 0);
