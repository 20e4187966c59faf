import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { atOnce } from '../../group/at-once.ts';
import { readGroup } from '../../group/group-store.ts';
import { offsetsOf } from '../../group/offsets/committed.ts';
import { checkVector, HERE } from '../../group/offsets/vector.ts';
import { partitionKey } from '../../partition/chunk.ts';
import { readTail } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { OffsetToTranslate } from '../../translation.ts';

/** A position in the source that is to be translated. */
export interface AskedPosition extends OffsetToTranslate {
  readonly topicId: string;
}

const PLACES_AT_ONCE = 8;

/** By topic and partition. ⚑ What was carried over to the source is not carried further. GROUP_ID_NOT_FOUND. */
export async function committedPositions(
  source: EngineParts,
  groupId: string,
  call: Call,
): Promise<readonly AskedPosition[]> {
  const { group } = await readGroup(source, groupId, { consistent: true }, call);
  if (group === undefined) {
    throw new MillraceError('GROUP_ID_NOT_FOUND', `The source has no group '${groupId}'`);
  }
  const found: AskedPosition[] = [];
  for await (const page of offsetsOf(source, group.incarnation, call)) {
    for (const { topic, topicId, partition, position } of page) {
      if (position === undefined || position.source !== undefined) continue;
      const { offset, vector } = position;
      found.push({ topic, topicId, partition, offset, ...(vector === undefined ? {} : { vector }) });
    }
  }
  return found.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** In the order asked. UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE, INVALID_REQUEST. */
export async function namedPositions(
  source: EngineParts,
  offsets: readonly OffsetToTranslate[],
  call: Call,
): Promise<readonly AskedPosition[]> {
  const topics = new TopicCatalog({ ...source, partitionCountDefault: 1 });
  const names = [...new Set(offsets.map(({ topic }) => topic))];
  const known = await atOnce(names, PLACES_AT_ONCE, (name) => topics.describe(name, call));
  const byName = new Map(known.map((topic) => [topic.name, topic]));
  return atOnce(offsets, PLACES_AT_ONCE, async (asked) => {
    const { topic: name, partition, offset, vector } = asked;
    const topic = byName.get(name);
    if (!Number.isInteger(partition) || partition < 0 || partition >= (topic?.partitionCount ?? 0)) {
      const message = `The source's topic '${name}' has no partition ${partition}`;
      throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', message);
    }
    if (vector !== undefined) checkVector(vector);
    const topicId = topic?.topicId ?? '';
    const { tail } = await readTail(source, partitionKey(topicId, partition), source.rules, call);
    // ⚑ Whoever had read what is not there yet would pass over it when it comes.
    for (const read of [offset, vector?.get(HERE) ?? 0]) {
      if (Number.isSafeInteger(read) && read >= 0 && read <= tail.offset) continue;
      const message = `Partition ${partition} of the source's topic '${name}' ends at ${tail.offset}; ${read} is no position in it`;
      throw new MillraceError('OFFSET_OUT_OF_RANGE', message);
    }
    return { ...asked, topicId };
  });
}
