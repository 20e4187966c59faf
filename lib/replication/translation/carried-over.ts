import type { EngineParts } from '../../engine-parts.ts';
import { readGroup } from '../../group/group-store.ts';
import { offsetsOf } from '../../group/offsets/committed.ts';
import type { StandingOffset } from '../../group/offsets/offset-item.ts';
import type { Call } from '../../storage/call.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { OffsetToTranslate, TranslatedOffset, TranslationRequest } from '../../translation.ts';
import type { Flow } from '../flows/flow-item.ts';

interface Parts {
  readonly target: EngineParts;
  readonly region: string;
  readonly flow: Flow;
}

/**
 * What is known here of positions in a source that does not answer: what the flow carried over last. Undefined: nothing, or
 * not of each that is named.
 */
export async function carriedOver(
  parts: Parts,
  { groupId, offsets }: TranslationRequest,
  call: Call,
): Promise<readonly TranslatedOffset[] | undefined> {
  const found = await allCarried(parts, groupId, call);
  if (offsets === undefined) return found.length === 0 ? undefined : found;
  const named = offsets.map((asked) => found.find((one) => isOf(one, asked)));
  return named.every((one) => one !== undefined) ? named : undefined;
}

function isOf({ sourceTopic, partition, sourceOffset }: TranslatedOffset, asked: OffsetToTranslate): boolean {
  return sourceTopic === asked.topic && partition === asked.partition && sourceOffset === asked.offset;
}

async function allCarried(
  { target, flow }: Parts,
  groupId: string,
  call: Call,
): Promise<readonly TranslatedOffset[]> {
  const { group } = await readGroup(target, groupId, { consistent: true }, call);
  if (group === undefined) return [];
  const topics = new TopicCatalog({ ...target, partitionCountDefault: 1 });
  const living = new Map((await topics.list(call)).map((topic) => [topic.topicId, topic]));
  const found: TranslatedOffset[] = [];
  for await (const page of offsetsOf(target, group.incarnation, call)) {
    for (const standing of page) {
      const topic = living.get(standing.topicId);
      const one = topic === undefined ? undefined : carriedOne(standing, topic, flow);
      if (one !== undefined) found.push(one);
    }
  }
  return found.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** Also where local clients have gone on from it. */
function carriedOne(
  { partition, position, carried }: StandingOffset,
  topic: Topic,
  flow: Flow,
): TranslatedOffset | undefined {
  if (carried?.source !== flow.source) return undefined;
  const told = {
    sourceTopic: sourceTopicOf(topic, flow),
    topic: topic.name,
    partition,
    sourceOffset: carried.offset,
    state: 'CARRIED_OVER',
  } as const;
  if (position?.source !== flow.source) return { ...told, offset: carried.here ?? carried.offset };
  const { offset, vector } = position;
  return { ...told, offset, ...(vector === undefined ? {} : { vector }) };
}

/** A topic of ours that the source has a copy of is called there as it is there. */
function sourceTopicOf({ name, remote }: Topic, { source, policy }: Flow): string | undefined {
  if (remote?.source === source) return remote.topic;
  return policy === 'merged' && remote === undefined ? name : undefined;
}
