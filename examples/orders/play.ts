import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { countedEvents } from './audit.ts';
import { disturb } from './chaos.ts';
import type { Disturbances } from './report.ts';
import type { Scene } from './scene.ts';
import type { ShopSaid, ShopStart } from './shop.ts';
import { startWorker, type Worker } from './worker.ts';

const SHOPS = ['north', 'south'];
const PROJECTIONS = ['one', 'two'];
const CATCH_UP_MS_MAX = 90_000;

/** What a shop has been heard of, over all of its lives. */
interface Heard {
  placed: number;
  unheard: number;
}

/** Lets the shops place their orders and the projections count them, killing all of them in turn. */
export async function play(
  scene: Scene,
  { orders, kills }: { readonly orders: number; readonly kills: number },
): Promise<Disturbances> {
  const say = speaker();
  const heard = new Map<string, Heard>();
  const shops = SHOPS.map((shop) => startShop(scene, { shop, orders, heard: hearing(heard, shop), say }));
  const projections = PROJECTIONS.map((name) =>
    startWorker({ name, file: 'projection.ts', start: () => scene, onSaid: () => undefined }),
  );
  const onKill = (worker: Worker): void =>
    shops.includes(worker)
      ? say(
          `shop ${worker.name} is killed in the middle of order ${(heard.get(worker.name)?.placed ?? 0) + 1}, and started again`,
        )
      : say(`projection ${worker.name} is killed while it counts an event, and started again`);
  try {
    let isOver = false;
    const allPlaced = Promise.all(shops.map(({ ended }) => ended)).then(() => {
      isOver = true;
    });
    const victims = shops.flatMap((shop, index) => [shop, projections[index] ?? shop]);
    await Promise.all([allPlaced, disturb(victims, { killCount: kills, over: () => isOver, onKill })]);
    say(`all ${orders * shops.length} orders are placed; the projections catch up`);
    await caughtUp(scene, orders * shops.length);
    say('every event is counted');
    await Promise.all(projections.map((projection) => projection.stop()));
  } finally {
    for (const worker of [...shops, ...projections]) worker.end();
  }
  const unheard = [...heard.values()].reduce((sum, shop) => sum + shop.unheard, 0);
  return { shops, projections, unheard };
}

function startShop(
  scene: Scene,
  {
    shop,
    orders,
    heard,
    say,
  }: {
    readonly shop: string;
    readonly orders: number;
    readonly heard: Heard;
    readonly say: (line: string) => void;
  },
): Worker {
  return startWorker({
    name: shop,
    file: 'shop.ts',
    start: (): ShopStart => ({ ...scene, shop, from: heard.placed + 1, to: orders }),
    onSaid: (said: ShopSaid) => {
      if ('placing' in said) return;
      heard.placed = said.placed;
      if (!said.wasThere) return;
      heard.unheard += 1;
      say(`shop ${shop} finds order ${said.placed} placed already: it was killed before it could hear so`);
    },
  });
}

function hearing(heard: Map<string, Heard>, shop: string): Heard {
  const fresh = { placed: 0, unheard: 0 };
  heard.set(shop, fresh);
  return fresh;
}

/** Until as many events are counted as there are orders; the audit tells what is wrong if that never happens. */
async function caughtUp(scene: Scene, eventCount: number): Promise<void> {
  const client = new DynamoDBClient(scene.aws);
  const untilMs = performance.now() + CATCH_UP_MS_MAX;
  while ((await countedEvents(client, scene)) < eventCount && performance.now() < untilMs) await sleep(300);
  client.destroy();
}

function speaker(): (line: string) => void {
  const startedMs = performance.now();
  return (line) => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1).padStart(5);
    console.log(`${seconds} s  ${line}`);
  };
}
