import { atOnce } from '../../group/at-once.ts';
import { partitionKey } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import type { RemoteStart } from '../../topic/remote-origin.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { CopySides } from '../copy/copier.ts';
import { firstDifference } from './first-difference.ts';

const LOOKS_AT_ONCE = 8;

/**
 * Where the copy of what a promoted topic lacks begins: in each partition with the first record of `source` that `namesake`,
 * which was promoted from it, has not. Partitions that the copy did not have yet when it was promoted are copied whole.
 * Throws `SideFault`.
 */
export async function tailStart(
  sides: CopySides,
  { source, namesake }: { readonly source: Topic; readonly namesake: Topic },
  call: Call,
): Promise<RemoteStart> {
  const endOffsets = (namesake.promoted?.endOffsets ?? []).slice(0, source.partitionCount);
  const differs = firstDifference(sides);
  const offsets = await atOnce([...endOffsets.entries()], LOOKS_AT_ONCE, ([partition, from]) => {
    const sourcePk = partitionKey(source.topicId, partition);
    const formerPk = partitionKey(namesake.topicId, partition);
    return differs({ sourcePk, formerPk, from }, call);
  });
  return { at: { offsets }, partitionCount: offsets.length };
}
