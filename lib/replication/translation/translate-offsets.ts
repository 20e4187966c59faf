import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { atOnce } from '../../group/at-once.ts';
import { checkGroupId } from '../../group/names.ts';
import { partitionKey } from '../../partition/chunk.ts';
import { storageError } from '../../partition/faults.ts';
import { readTail } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { beginOf } from '../../topic/remote-origin.ts';
import type { TranslatedOffset, TranslationRequest } from '../../translation.ts';
import type { Flow } from '../flows/flow-item.ts';
import { readFlow, unknownFlow } from '../flows/flow-store.ts';
import { type MappedTopic, type TopicMap, topicCatalogs, topicMapOf } from '../groups/topic-map.ts';
import type { PositionTranslator } from '../merged/translate-position.ts';
import type { SourceRegion, Sources } from '../source-region.ts';
import { mergedPairs } from '../topics/merged-pairs.ts';
import { carriedOver } from './carried-over.ts';
import { type AskedPosition, committedPositions, namedPositions } from './source-positions.ts';

export interface TranslationParts {
  /** The region that is translated into. */
  readonly target: EngineParts;
  /** Its alias. */
  readonly region: string;
  readonly sources: Sources;
  /** One for each source. */
  readonly translatorOf: (source: SourceRegion) => PositionTranslator;
}

const PLACES_AT_ONCE = 8;
/** How much of the time the source has to show that it is there. */
const LOOK_SHARE = 0.5;

/** `Translation.translate`. Throws `StorageFault` too. */
export async function translateOffsets(
  parts: TranslationParts,
  request: TranslationRequest,
  call: Call,
): Promise<readonly TranslatedOffset[]> {
  const { target, region, sources } = parts;
  checkGroupId(request.groupId);
  const { flow } = await readFlow(target, request.source, call);
  const there = await sources(request.source);
  if (flow === undefined || flow.state === 'deleted' || there === undefined)
    throw unknownFlow(request.source);
  const source: SourceRegion = { alias: request.source, parts: there };
  const look = await lookAtSource(source, request, firstPartOf(call, target));
  if (look.kind === 'unreachable') {
    const found = await carriedOver({ target, region, flow }, request, call);
    if (found === undefined) throw storageError(look.fault);
    return found;
  }
  return translateAll(parts, { ...look, source, flow, isNamed: request.offsets !== undefined }, call);
}

function firstPartOf(call: Call, { clock }: Pick<EngineParts, 'clock'>): Call {
  const nowMs = clock.monotonicMs();
  return { ...call, deadlineMs: nowMs + Math.max(0, call.deadlineMs - nowMs) * LOOK_SHARE };
}

type Look =
  | { readonly kind: 'seen'; readonly asked: readonly AskedPosition[] }
  | { readonly kind: 'unreachable'; readonly fault: StorageFault };

async function lookAtSource(
  { parts }: SourceRegion,
  { groupId, offsets }: TranslationRequest,
  call: Call,
): Promise<Look> {
  try {
    const asked =
      offsets === undefined
        ? await committedPositions(parts, groupId, call)
        : await namedPositions(parts, offsets, call);
    return { kind: 'seen', asked };
  } catch (fault) {
    if (fault instanceof StorageFault && fault.kind !== 'damaged') return { kind: 'unreachable', fault };
    throw fault;
  }
}

interface Asked {
  readonly asked: readonly AskedPosition[];
  readonly source: SourceRegion;
  readonly flow: Flow;
  /** Whether each of them has to have a place here. */
  readonly isNamed: boolean;
}

async function translateAll(
  parts: TranslationParts,
  { asked, source, flow, isNamed }: Asked,
  call: Call,
): Promise<readonly TranslatedOffset[]> {
  const { target, region } = parts;
  const map = rememberedMap(
    topicMapOf({ ...flow, region }, topicCatalogs(target, source), (again) =>
      mergedPairs(target, source.alias, again),
    ),
  );
  const found = await atOnce(asked, PLACES_AT_ONCE, async (position) => {
    const here = await map(position, call);
    const isThere = here !== undefined && position.partition < here.topic.partitionCount;
    const translated = isThere ? await translateOne(parts, { source, position, here }, call) : undefined;
    if (translated !== undefined) return translated;
    if (!isNamed) return undefined;
    const message = `Partition ${position.partition} of topic '${position.topic}' is not copied from '${source.alias}' yet, or not at all`;
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', message);
  });
  return found.flatMap((one) => one ?? []);
}

/** A group has many positions in one topic. */
function rememberedMap(map: TopicMap): TopicMap {
  const known = new Map<string, Promise<MappedTopic | undefined>>();
  return (theirs, call) => {
    const found = known.get(theirs.topicId) ?? map(theirs, call);
    known.set(theirs.topicId, found);
    return found;
  };
}

/** Undefined: there is no copy yet. */
async function translateOne(
  { target, translatorOf }: TranslationParts,
  {
    source,
    position,
    here,
  }: { readonly source: SourceRegion; readonly position: AskedPosition; readonly here: MappedTopic },
  call: Call,
): Promise<TranslatedOffset | undefined> {
  const { partition, offset, vector, topic: sourceTopic } = position;
  const { topic, isMerged } = here;
  const told = { sourceTopic, topic: topic.name, partition, sourceOffset: offset };
  const targetPk = partitionKey(topic.topicId, partition);
  if (!isMerged) {
    const { tail } = await readTail(target, targetPk, target.rules, call);
    const begin = beginOf(topic.remote, partition);
    if (tail.offset < begin) return undefined;
    // What a promoted topic lacked begins behind what is here under another name.
    const wanted = Math.max(offset, begin);
    const state = wanted > tail.offset ? 'BOUNDED' : 'TRANSLATED';
    return { ...told, offset: Math.min(wanted, tail.offset), state };
  }
  const place = { sourcePk: partitionKey(position.topicId, partition), targetPk };
  const { isFinal, ...found } = await translatorOf(source).translate(
    place,
    { offset, ...(vector === undefined ? {} : { vector }) },
    call,
  );
  return { ...told, ...found, state: isFinal ? 'TRANSLATED' : 'BOUNDED' };
}
