import { offsetFromItem, type PartitionOffset } from '../../../lib/group/offsets/offset-item.ts';
import { incarnationsOf, nameOf } from './check-movers.ts';
import { coveredBy, toldOf } from './covered.ts';
import type { Evidence } from './evidence.ts';

interface Commit {
  readonly alias: string;
  readonly by: string;
  readonly offset: PartitionOffset;
}

/**
 * A position in a topic that is written in every region loses nothing when it is carried to another one: whoever goes on
 * from it there is given nothing that whoever committed it had been given. (That it is not too much either is for
 * `checkMovers`.)
 */
export function* checkVectors(evidence: Evidence): Generator<string> {
  const commits = [...evidence.world.regions.keys()].flatMap((alias) => [...commitsIn(evidence, alias)]);
  const local = new Map(
    commits
      .filter(({ offset: { position } }) => position !== undefined && position.source === undefined)
      .map((commit) => [commit.offset.position?.metadata, commit]),
  );
  for (const carried of commits) {
    const { position } = carried.offset;
    if (position?.source === undefined) continue;
    const from = local.get(position.metadata);
    if (from?.offset.position === undefined) continue;
    const here = coveredBy(evidence, { ...carried.offset, alias: carried.alias }, position);
    const there = coveredBy(evidence, { ...from.offset, alias: from.alias }, from.offset.position);
    for (const text of there) {
      if (here.has(text)) continue;
      const told = `${toldOf(from.offset.position)} of ${from.alias} as ${toldOf(position)}`;
      yield `${carried.by} carried ${told}: ${nameOf(text)} would be given again`;
      break;
    }
  }
}

function* commitsIn({ world }: Evidence, alias: string): Generator<Commit> {
  const { changes } = world.region(alias).storage.catalog;
  const incarnations = incarnationsOf(changes);
  for (const { cause, key, item, by } of changes) {
    if (cause === 'put' && item !== undefined && incarnations.has(key.pk)) {
      yield { alias, by, offset: offsetFromItem(item) };
    }
  }
}
