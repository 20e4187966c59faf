import type { CommittedPosition } from '../../../lib/group/offsets/offset-item.ts';
import { HERE } from '../../../lib/group/offsets/vector.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Evidence } from './evidence.ts';
import { homeOf } from './region-clients.ts';

/** Records that whoever goes on from a position is not given, as far as they were ever written. */
export function coveredBy(
  { seen, world }: Evidence,
  place: { readonly alias: string; readonly topicId: string; readonly partition: number },
  { offset: end, vector = new Map() }: Pick<CommittedPosition, 'offset' | 'vector'>,
): ReadonlySet<string> {
  const { alias, topicId, partition } = place;
  const below = (region: string, pk: string, next: number): string[] =>
    [...(seen.get(region)?.get(pk)?.records.values() ?? [])]
      .filter(({ offset }) => offset < next)
      .map(({ text }) => text);
  const covered = new Set(below(alias, partitionKey(topicId, partition), end));
  for (const [named, next] of vector) {
    const region = named === HERE ? alias : named;
    const pk = partitionKey(homeOf(world, region)?.topicId ?? '', partition);
    // ⚑ A sequence is the offset where a record was produced; what was copied there is somebody else's.
    const own = below(region, pk, next).filter((text) => text.startsWith(`${region}#`));
    for (const text of own) covered.add(text);
  }
  return covered;
}

/** For people. */
export function toldOf({ offset, vector = new Map(), metadata }: CommittedPosition): string {
  const behind = [...vector].map(([region, next]) => ` ${region}:${next}`);
  return `${offset}${behind.join('')} (${metadata})`;
}
