import type { Promotion } from '../../../../lib/flows.ts';
import { type FlowWorld, flowWorld } from '../flows/flow-world.ts';

/** `orders` of two partitions and `bills` of west are in east under their names; of `orders` two records are not. */
export async function passive(): Promise<FlowWorld> {
  const world = await flowWorld(['west', 'east']);
  const { log } = world.region('west');
  for (const name of ['bills', 'orders']) await log.createTopic({ name, partitionCount: 2 }, world.call());
  await world.produce('west', 'orders', 0, 'a', 'b');
  await world.produce('west', 'orders', 1, 'c');
  await world.flow('east', { source: 'west', policy: 'identity' });
  await world.run('east', 'west');
  world.cutOff.add('west');
  await world.produce('west', 'orders', 0, 'late');
  await world.produce('west', 'orders', 1, 'later');
  return world;
}

export const promote = (world: FlowWorld): Promise<Promotion> =>
  world.region('east').flows.promote('west', world.call());

export const sourceId = async (world: FlowWorld, name: string): Promise<string> =>
  (await world.region('west').log.describeTopic(name, world.call())).topicId;
