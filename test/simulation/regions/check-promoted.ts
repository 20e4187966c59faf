import { partitionKey } from '../../../lib/partition/chunk.ts';
import { isCompacted } from '../../../lib/topic/configs.ts';
import type { Topic } from '../../../lib/topic/topic-item.ts';
import { topicsIn } from '../places.ts';
import { NOTHING_SEEN, type SeenPartition, seenIn } from './copied-truth.ts';
import { type Evidence, readRegion } from './evidence.ts';
import { homeTopic } from './region-clients.ts';
import type { Promoted, RegionsWorld } from './regions-world.ts';

/**
 * What was exported when a region came back: each of the records that it has left is in the topic that was promoted or in the
 * copy beside it, at its own offset, and in one of them alone. To be asked while the region is frozen.
 */
export async function checkExport(
  world: RegionsWorld,
  { source, alias }: Promoted,
): Promise<readonly string[]> {
  const name = homeTopic(world, source);
  const find = (region: string, wanted: string): Topic | undefined =>
    topicsIn(world.region(region).storage, 'active').find((topic) => topic.name === wanted);
  const [theirs, heir, tail] = [find(source, name), find(alias, name), find(alias, `${source}.${name}`)];
  const left = await readRegion(world, source);
  const here = seenIn(world.region(alias).storage, world.codecs);
  const problems: string[] = [];
  for (let partition = 0; partition < (theirs?.partitionCount ?? 0); partition += 1) {
    const prints = [heir, tail].map((topic) => {
      const { records } = here.get(partitionKey(topic?.topicId ?? '', partition)) ?? NOTHING_SEEN;
      return (offset: number) => records.get(offset)?.print;
    });
    const { records } = left.get(partitionKey(theirs?.topicId ?? '', partition)) ?? NOTHING_SEEN;
    for (const { offset, print, text } of records.values()) {
      const count = prints.filter((printAt) => printAt(offset) === print).length;
      // Where compaction has left nothing to compare a batch is exported in doubt.
      const isWell = count === 1 || (count === 2 && isCompacted(heir?.configs ?? {}));
      if (!isWell) problems.push(`${alias}: ${text.slice(0, 8)} at ${offset} is there ${count} times`);
    }
  }
  return problems;
}

/** A promoted topic has its source's records up to where it was promoted, perhaps a few more, and then its own alone. */
export function* checkPromoted(evidence: Evidence): Generator<string> {
  for (const [alias, topics] of evidence.topics) {
    for (const topic of topics.values()) {
      for (let partition = 0; partition < topic.partitionCount; partition += 1) {
        for (const problem of checkPartition(evidence, { alias, topic, partition })) {
          yield `${alias}: ${topic.name}/${partition}: ${problem}`;
        }
      }
    }
  }
}

function* checkPartition(
  { seen }: Evidence,
  place: { readonly alias: string; readonly topic: Topic; readonly partition: number },
): Generator<string> {
  const { alias, topic, partition } = place;
  if (topic.promoted === undefined) return;
  const { source, topicId, endOffsets } = topic.promoted;
  const original = seen.get(source)?.get(partitionKey(topicId, partition)) ?? NOTHING_SEEN;
  const heir = seen.get(alias)?.get(partitionKey(topic.topicId, partition)) ?? NOTHING_SEEN;
  yield* checkHeir(original, heir, { alias, end: endOffsets[partition] ?? 0 });
}

function* checkHeir(
  original: SeenPartition,
  heir: SeenPartition,
  { alias, end }: { readonly alias: string; readonly end: number },
): Generator<string> {
  for (const offset of heir.twice) yield `${offset} was stored twice`;
  let isOwn = false;
  for (const { offset, text, print } of heir.records.values()) {
    const isOfHere = text.startsWith(`${alias}#`);
    if (isOfHere && offset < end) yield `${offset} was written here, below ${end}`;
    if (!isOfHere && isOwn) yield `${text.slice(0, 8)} came at ${offset}, behind what was written here`;
    if (!isOfHere && original.records.get(offset)?.print !== print) yield `${offset} is not the source's`;
    isOwn ||= isOfHere;
  }
}
