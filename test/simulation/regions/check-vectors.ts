import { offsetFromItem, type PartitionOffset } from '../../../lib/group/offsets/offset-item.ts';
import { goneBy, incarnationsOf, nameOf } from './check-movers.ts';
import { coveredBy, toldOf } from './covered.ts';
import type { Evidence } from './evidence.ts';

interface Commit {
  readonly alias: string;
  readonly by: string;
  readonly offset: PartitionOffset;
  /** What stood there. */
  readonly before: PartitionOffset | undefined;
}

/**
 * A position in a topic that is written in every region loses nothing on its way: whoever goes on from it in another region is
 * given nothing that whoever committed it had been given; and who commits there says no less than what he went on from. (That
 * it is not too much either is for `checkMovers`.)
 */
export function* checkVectors(evidence: Evidence): Generator<string> {
  const commits = [...evidence.world.regions.keys()].flatMap((alias) => [...commitsIn(evidence, alias)]);
  const local = new Map(
    commits
      .filter(({ offset: { position } }) => position !== undefined && position.source === undefined)
      .map((commit) => [commit.offset.position?.metadata, commit]),
  );
  const mayBeGone = goneBy(evidence);
  for (const commit of commits) {
    const { position } = commit.offset;
    if (position === undefined) continue;
    const from = position.source === undefined ? forward(commit) : local.get(position.metadata);
    const lost = from && lostBetween(evidence, from, commit, mayBeGone);
    if (lost !== undefined) yield `${commit.by} put ${toldOf(position)}: ${lost} would be given again`;
  }
}

/** What a member went on from; undefined: it has begun anew where the log begins. */
function forward({ offset, before, alias, by }: Commit): Commit | undefined {
  const isForward = (before?.position?.offset ?? 0) <= (offset.position?.offset ?? 0);
  return isForward && before !== undefined ? { alias, by, offset: before, before: undefined } : undefined;
}

/** The first record that the one position covers and the other does not. */
function lostBetween(
  evidence: Evidence,
  from: Commit,
  to: Commit,
  mayBeGone: ReturnType<typeof goneBy>,
): string | undefined {
  const [there, here] = [from, to].map(({ alias, offset }) =>
    offset.position === undefined
      ? new Set<string>()
      : coveredBy(evidence, { ...offset, alias }, offset.position),
  );
  const lost = [...(there ?? [])].find(
    (text) => here?.has(text) !== true && !mayBeGone(text, Number.POSITIVE_INFINITY),
  );
  return lost === undefined ? undefined : nameOf(lost);
}

function* commitsIn({ world }: Evidence, alias: string): Generator<Commit> {
  const { changes } = world.region(alias).storage.catalog;
  const incarnations = incarnationsOf(changes);
  for (const { cause, key, item, before, by } of changes) {
    if (cause === 'put' && item !== undefined && incarnations.has(key.pk)) {
      yield { alias, by, offset: offsetFromItem(item), before: before && offsetFromItem(before) };
    }
  }
}
