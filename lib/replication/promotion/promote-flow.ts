import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import type { Promotion } from '../../flows.ts';
import { atOnce } from '../../group/at-once.ts';
import { readTail } from '../../partition/tail.ts';
import { beginLogAt } from '../../segment/log-start.ts';
import type { Call } from '../../storage/call.ts';
import { eachPartition } from '../../topic/close-topic.ts';
import type { RemoteOrigin } from '../../topic/remote-origin.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { Flow } from '../flows/flow-item.ts';
import { readFlow, unknownFlow } from '../flows/flow-store.ts';
import { deleteFlow } from '../flows/manage-flows.ts';
import { heldUntilMs } from '../lease.ts';

export interface PromotionParts {
  readonly target: EngineParts;
  /** Alias of the target. */
  readonly region: string;
  readonly sources: (alias: string) => Promise<object | undefined>;
}

const TOPICS_AT_ONCE = 4;
/** Others that may change a topic at the same time. */
const TRIES_MAX = 8;
/** What is kept of a call's time for its answer. */
const ANSWER_MS = 1_500;
const LOOK_MS = 500;

/**
 * Ends an `identity` flow and makes its copies topics that are written here, as if they had always been.
 *
 * ⚑ Where a copy ends is looked at before anybody but the flow can write to it, and stored in the same put that lets them:
 * everything that the source has behind it has not come over, or was brought later by a replicator that did not know. That
 * one is waited for as long as it holds its lease; but nothing rests on this. What it still brings stands at its own offsets,
 * until somebody writes here: then its puts lose, and it finds out.
 */
export async function promoteFlow(parts: PromotionParts, source: string, call: Call): Promise<Promotion> {
  const { target } = parts;
  const { flow } = await readFlow(target, source, call);
  const topics = new TopicCatalog({ ...target, partitionCountDefault: 1 });
  const standing = await topics.list(call);
  const isThere = flow !== undefined && flow.state !== 'deleted';
  const copies = copiesIn(standing, source);
  const isOther = isThere && flow.policy !== 'identity';
  if (isThere && !isOther) await deleteFlow(parts, source, call);
  else if (copies.length === 0) {
    const done = described(source, standing);
    if (done.topics.length === 0) throw notToPromote(source, isThere ? flow : undefined);
    return done;
  }
  const lastMs = call.deadlineMs - ANSWER_MS;
  // Those of a flow of another policy have nothing to do with these copies.
  if (!isOther && !(await areReplicatorsGone(target, source, { lastMs, call })))
    return described(source, standing);
  // One that was at work may have made more of them.
  await atOnce(copiesIn(await topics.list(call), source), TOPICS_AT_ONCE, async (copy) => {
    if (target.clock.monotonicMs() < lastMs) await promoteTopic(target, topics, copy, call);
  });
  return described(source, await topics.list(call));
}

/** Heartbeats of the source stay a copy: they have its name under every policy. */
function copiesIn(topics: readonly Topic[], source: string): readonly Topic[] {
  return topics.filter(
    ({ name, remote }) => remote?.policy === 'identity' && remote.source === source && remote.topic === name,
  );
}

async function promoteTopic(
  target: EngineParts,
  topics: TopicCatalog,
  copy: Topic,
  call: Call,
): Promise<void> {
  let seen: Topic | undefined = copy;
  for (let tries = 0; tries < TRIES_MAX && seen?.remote !== undefined; tries += 1) {
    const { source, topicId }: RemoteOrigin = seen.remote;
    const endOffsets: number[] = [];
    await eachPartition(seen, async (pk, partition) => {
      endOffsets[partition] = await copyEnd(target, pk, call);
    });
    if (await topics.promote(seen, { source, topicId, endOffsets }, call)) return;
    seen = copiesIn(await topics.list(call), source).find(({ name }) => name === copy.name);
  }
  if (seen?.remote === undefined) return;
  throw new MillraceError('REQUEST_TIMED_OUT', `Topic '${copy.name}' is being changed by others; try again`);
}

/**
 * ⚑ Where an empty copy begins is decided, at last: a copier that has slept since it saw none would decide it later, and hide
 * what was written here by then below that.
 */
async function copyEnd(target: EngineParts, pk: string, call: Call): Promise<number> {
  const { tail } = await readTail(target, pk, target.rules, call);
  if (tail.offset > 0) return tail.offset;
  const begin = await beginLogAt(target, pk, 0, call);
  return begin === 0 ? 0 : (await readTail(target, pk, target.rules, call)).tail.offset;
}

/** False if one of them may still be copying when time runs out. */
async function areReplicatorsGone(
  target: EngineParts,
  source: string,
  { lastMs, call }: { readonly lastMs: number; readonly call: Call },
): Promise<boolean> {
  for (;;) {
    const { untilMs, nowMs } = await heldUntilMs(target, source, call);
    if (untilMs <= nowMs) return true;
    if (target.clock.monotonicMs() + LOOK_MS >= lastMs) return false;
    await target.clock.sleep(LOOK_MS);
  }
}

function described(source: string, topics: readonly Topic[]): Promotion {
  return {
    source,
    isComplete: copiesIn(topics, source).length === 0,
    topics: topics.flatMap(({ name, promoted }) =>
      promoted?.source === source
        ? [{ topic: name, sourceTopicId: promoted.topicId, endOffsets: promoted.endOffsets }]
        : [],
    ),
  };
}

function notToPromote(source: string, flow: Flow | undefined): MillraceError {
  if (flow === undefined) return unknownFlow(source);
  const message = `The flow from '${source}' is ${flow.policy}: its topics are not promoted, because this region has topics of its own`;
  return new MillraceError('INVALID_CONFIG', message);
}
