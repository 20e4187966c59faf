import { setTimeout as sleep } from 'node:timers/promises';
import { openMillrace, TransactionCancelledError } from '../../lib/index.ts';
import { type Order, orderOf, type Scene, TOPIC } from './scene.ts';

/**
 * A shop: places its orders one after the other. An order, the stock it takes and the event that tells of it are stored
 * together or not at all. It may be killed at any moment and keeps no notes: whoever starts it again says which orders
 * he has heard of.
 */
export interface ShopStart extends Scene {
  readonly shop: string;
  /** The first and the last order to place. */
  readonly from: number;
  readonly to: number;
}

/** What the shop says: that it is about to place an order, and how that ended. */
export type ShopSaid =
  | { readonly placing: number }
  /** `wasThere`: it had been stored before, by this shop, before it was killed. */
  | { readonly placed: number; readonly wasThere: boolean };

const CUSTOMERS_PAUSE_MS = 20;

// Not to outlive the one who started it.
process.once('disconnect', () => process.exit());

process.once('message', async (start: ShopStart) => {
  const millrace = await openMillrace({ aws: start.aws });
  const outbox = millrace.producer().outbox();
  for (let n = start.from; n <= start.to; n += 1) {
    const order = orderOf(start.shop, n);
    say({ placing: n });
    const wasThere = await outbox.send({ records: [eventOf(order)], items: itemsOf(order, start) }).then(
      () => false,
      (error: unknown) => {
        // The order's own condition, and no other: it is there already.
        if (error instanceof TransactionCancelledError && error.reasons[0] !== undefined) return true;
        throw error;
      },
    );
    say({ placed: n, wasThere });
    await sleep(CUSTOMERS_PAUSE_MS);
  }
  await millrace.close();
  process.disconnect();
});

function say(said: ShopSaid): void {
  process.send?.(said);
}

function eventOf(order: Order): { topic: string; key: string; value: string } {
  return { topic: TOPIC, key: order.customer, value: JSON.stringify(order) };
}

function itemsOf({ id, customer, article, cents }: Order, { ordersTable, stockTable }: Scene) {
  return [
    {
      Put: {
        TableName: ordersTable,
        Item: {
          id: { S: id },
          customer: { S: customer },
          article: { S: article },
          cents: { N: String(cents) },
        },
        ConditionExpression: 'attribute_not_exists(id)',
      },
    },
    {
      Update: {
        TableName: stockTable,
        Key: { id: { S: article } },
        UpdateExpression: 'ADD sold :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      },
    },
  ];
}
