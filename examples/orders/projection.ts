import { openMillrace } from '../../lib/index.ts';
import { GROUP, type Order, type Scene, TOPIC } from './scene.ts';

/**
 * A projection: what each customer has spent. Every total and the position behind the event that it counts are stored
 * together, so an event counts once, whichever process dies when. `ADD` would show any event that was applied twice.
 */
export interface ProjectionSaid {
  /** Events in all that this process has begun to apply. */
  readonly begun: number;
}

// Not to outlive the one who started it.
process.once('disconnect', () => process.exit());

process.once('message', async (scene: Scene) => {
  const millrace = await openMillrace({ aws: scene.aws });
  const consumer = millrace.consumer({
    groupId: GROUP,
    topics: [TOPIC],
    autoOffsetReset: 'earliest',
    autoCommit: false,
    sessionTimeoutMs: 6_000,
    fetchWaitMs: 500,
  });
  process.once('message', () => consumer.close());

  let begun = 0;
  await consumer.inbox().run((record) => {
    begun += 1;
    process.send?.({ begun } satisfies ProjectionSaid);
    const { customer, cents } = JSON.parse(String(record.value)) as Order;
    return [
      {
        Update: {
          TableName: scene.totalsTable,
          Key: { id: { S: customer } },
          UpdateExpression: 'ADD orders :one, cents :cents',
          ExpressionAttributeValues: { ':one': { N: '1' }, ':cents': { N: String(cents) } },
        },
      },
    ];
  });
  await millrace.close();
  process.disconnect();
});
