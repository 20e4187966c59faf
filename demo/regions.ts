import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadCodecs } from '../lib/record/index.ts';
import { differences, loops, type Traveller, topicAt, traveller, unlike } from './region-proof.ts';
import { copy, frozen, ORDERS, say, UNCOPIED } from './region-steps.ts';
import { newCall, openStore, PARTITION_COUNT, type Store, TOPIC, type World } from './region-store.ts';
import { standByStory } from './regions-identity.ts';
import { verdictLines, whole } from './text.ts';

const USAGE = 'npm run demo:regions -- [--policy prefixed | identity]';

/**
 * `npm run demo:regions`: two regions take orders at once, or one stands by for the other; one dies and comes back. Exit code
 * 1 if anything is not proved.
 */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { policy: { type: 'string' } }, strict: true });
  const { policy = 'prefixed' } = values;
  if (policy !== 'prefixed' && policy !== 'identity') throw new TypeError(`there is no story of '${policy}'`);
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-demo-regions-'));
  try {
    return await (policy === 'identity' ? standByStory(dataDir) : story(dataDir));
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function story(dataDir: string): Promise<number> {
  const codecs = await loadCodecs();
  const world: World = new Map();
  const openWest = (): Promise<Store> => openStore(world, { alias: 'west', number: 0, dataDir, codecs });
  let west = await openWest();
  const east = await openStore(world, { alias: 'east', number: 1, dataDir, codecs });
  const reader = traveller(codecs, ['west', 'east']);
  const sent = new Map([
    ['west', 0],
    ['east', 0],
  ]);
  const send = async (store: Store, count: number): Promise<void> => {
    const from = sent.get(store.alias) ?? 0;
    await store.send({ from, to: from + count });
    sent.set(store.alias, from + count);
  };

  say('Two regions, west and east, each with a topic of its own, and a flow each way');
  for (const [store, source] of [[west, 'east'] as const, [east, 'west'] as const]) {
    await store.log.createTopic({ name: TOPIC, partitionCount: PARTITION_COUNT }, newCall());
    await store.flows.create({ source }, newCall());
  }
  await Promise.all([send(west, ORDERS), send(east, ORDERS)]);
  say(`  both took ${whole(ORDERS)} orders at the same time`);
  await copy(east, 'west', topicAt(east, 'west'));
  await copy(west, 'east', topicAt(west, 'east'));
  say(`  a consumer in west has read ${whole(await reader.read(west, ORDERS / 4))} of them`);

  say('', 'West dies');
  await send(west, UNCOPIED);
  west.die();
  say(`  it had just taken ${whole(UNCOPIED)} orders more, which nobody has copied`);
  say(`  east: the flow from west is ${(await east.copyFrom('west')).ended}; east goes on by itself`);
  await send(east, ORDERS);
  say(`  the consumer moves to east, to the same offsets: ${places(reader)}`);
  say(`  it has read ${whole(await reader.read(east))} more there, and ${whole(ORDERS)} of them are new`);

  say('', 'West comes back');
  west = await openWest();
  say(`  frozen before anybody writes to it: ${await frozen(west)}`);
  await copy(east, 'west', topicAt(east, 'west'));
  say(
    `  the consumer, still in east, has read ${whole(await reader.read(east))}: those that west had taken last`,
  );

  say('', 'Back to west, with nobody noticing');
  await west.region.thaw(newCall());
  await copy(west, 'east', topicAt(west, 'east'));
  await send(east, ORDERS);
  say(`  east is frozen: ${await frozen(east)}`);
  await copy(west, 'east', topicAt(west, 'east'));
  say(`  every copy ends where its source does: ${(await areLevel(east, west)) ? 'yes' : 'NO'}`);
  say(`  the consumer is back in west and has read ${whole(await reader.read(west))} more`);
  await east.region.thaw(newCall());
  await Promise.all([send(west, ORDERS), send(east, ORDERS)]);
  await copy(east, 'west', topicAt(east, 'west'));
  await copy(west, 'east', topicAt(west, 'east'));
  await reader.read(west);

  const problems = [
    ...(await differences(west, east)),
    ...(await differences(east, west)),
    ...(await loops(west)),
    ...(await loops(east)),
    ...unlike(sent, reader.seen),
  ];
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
  const claim = `all ${whole(total)} orders are in both regions, byte for byte and at the same offsets, nothing went in circles, and the consumer has read each of them exactly once`;
  say('', 'Both regions are at work again', ...verdictLines(claim, problems));
  return problems.length === 0 ? 0 : 1;
}

const places = (reader: Traveller): string =>
  ['west', 'east'].map((origin) => `${reader.offsets(origin).join(', ')} of ${origin}`).join(' and ');

async function areLevel(source: Store, copies: Store): Promise<boolean> {
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    const end = await copies.end(topicAt(copies, source.alias), partition);
    if (end !== (await source.end(TOPIC, partition))) return false;
  }
  return true;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`millrace: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
