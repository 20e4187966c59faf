import { type Codecs, loadCodecs } from '../lib/record/index.ts';
import { unlike } from './region-proof.ts';
import { copy, frozen, ORDERS, say, UNCOPIED } from './region-steps.ts';
import {
  newCall,
  openStore,
  PARTITION_COUNT,
  type Store,
  TOPIC,
  valuesFrom,
  type World,
} from './region-store.ts';
import { verdictLines, whole } from './text.ts';

const TAIL = `west.${TOPIC}`;

/** East stands by for west, takes over when that dies, and gets what was missing when it is back; then west stands by. */
export async function standByStory(dataDir: string): Promise<number> {
  const codecs = await loadCodecs();
  const world: World = new Map();
  const openWest = (): Promise<Store> => openStore(world, { alias: 'west', number: 0, dataDir, codecs });
  let west = await openWest();
  const east = await openStore(world, { alias: 'east', number: 1, dataDir, codecs });
  const reader = mover(codecs);

  say('West takes orders, and east stands by: its topic is a copy under the same name');
  await west.log.createTopic({ name: TOPIC, partitionCount: PARTITION_COUNT }, newCall());
  await east.flows.create({ source: 'west', policy: 'identity' }, newCall());
  await west.send({ from: 0, to: ORDERS });
  await copy(east, 'west', TOPIC);
  say(`  a consumer in west has read ${whole(await reader.read(west, TOPIC, ORDERS / 4))} of them`);

  say('', 'West dies');
  await west.send({ from: ORDERS, to: ORDERS + UNCOPIED });
  west.die();
  say(`  it had just taken ${whole(UNCOPIED)} orders more, which nobody has copied`);
  const { topics } = await east.flows.promote('west', newCall());
  say(`  east takes over: its topic goes on at ${topics[0]?.endOffsets.join(', ')}`);
  await east.send({ from: 0, to: ORDERS });
  say(
    `  the consumer moves to east, to the same offsets, and reads ${whole(await reader.read(east, TOPIC))} more`,
  );

  say('', 'West comes back');
  west = await openWest();
  say(`  frozen before anybody writes to it: ${await frozen(west)}`);
  await east.flows.create({ source: 'west', start: 'promotion' }, newCall());
  await copy(east, 'west', TAIL);
  await east.flows.delete('west', newCall());
  say(
    `  the consumer, still in east, has read ${whole(await reader.read(east, TAIL))}: those that west had taken last`,
  );

  say('', 'West stands by for east');
  await west.log.deleteTopic(TOPIC, newCall());
  await west.region.thaw(newCall());
  await west.flows.create({ source: 'east', policy: 'identity' }, newCall());
  await east.send({ from: ORDERS, to: 2 * ORDERS });
  await copy(west, 'east', TOPIC);
  say(`  the consumer has read ${whole(await reader.read(west, TOPIC))} more, in west`);

  const sent = new Map([
    ['west', ORDERS + UNCOPIED],
    ['east', 2 * ORDERS],
  ]);
  const problems = [...(await unequal(east, west)), ...unlike(sent, reader.seen)];
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
  const claim = `all ${whole(total)} orders are in east, those of the topic in west, too, byte for byte and at the same offsets, and the consumer has read each of them exactly once`;
  say('', 'East is at work, and west stands by', ...verdictLines(claim, problems));
  return problems.length === 0 ? 0 : 1;
}

interface Mover {
  /** Reads at most `countMax` records of every partition of a topic, and answers how many there were. */
  read(at: Store, topic: string, countMax?: number): Promise<number>;
  /** How often it has seen each value. */
  readonly seen: ReadonlyMap<string, number>;
}

/** Goes on in each region where it was in the other. */
function mover(codecs: Codecs): Mover {
  const seen = new Map<string, number>();
  const offsets = new Map<string, number>();
  return {
    seen,
    read: async (at, topic, countMax = Number.POSITIVE_INFINITY) => {
      let count = 0;
      for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
        const place = `${topic} ${partition}`;
        const { offset: first } = await at.log.listOffsets({ topic, partition, at: 'earliest' }, newCall());
        const offset = Math.max(first, offsets.get(place) ?? 0);
        const batches = await at.batches(topic, partition, offset);
        const values = valuesFrom(codecs, batches, offset).slice(0, countMax);
        for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1);
        offsets.set(place, offset + values.length);
        count += values.length;
      }
      return count;
    },
  };
}

/** Partitions of the topic in which the copy is not the same. */
async function unequal(origin: Store, copied: Store): Promise<readonly string[]> {
  const problems: string[] = [];
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    const [ours, theirs] = await Promise.all(
      [origin, copied].map((store) => store.batches(TOPIC, partition, 0)),
    );
    if (!Buffer.concat([...(ours ?? [])]).equals(Buffer.concat([...(theirs ?? [])]))) {
      problems.push(`partition ${partition} of ${origin.alias} is not the same in ${copied.alias}`);
    }
  }
  return problems;
}
