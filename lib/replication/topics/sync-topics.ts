import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { atOnce } from '../../group/at-once.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type Observation, observeNow } from '../../storage/observation.ts';
import { TopicCatalog } from '../../topic/topic-catalog.ts';
import { beingChanged } from '../../topic/topic-changes.ts';
import type { Topic } from '../../topic/topic-item.ts';
import { SideFault } from '../copy/on-side.ts';
import type { TopicPair } from '../flow-run.ts';
import type { Flow } from '../flows/flow-item.ts';
import { nameFilter } from '../flows/topic-filter.ts';
import { remoteTopicName } from '../flows/topic-names.ts';
import { tailStart } from '../promotion/tail-start.ts';
import type { SourceRegion } from '../source-region.ts';
import { bindMerged, mergedPairs } from './merged-pairs.ts';
import { planMerged } from './plan-merged.ts';
import { type CopyingFlow, isCopied, planTopic, policyOf, type TopicPlan } from './plan-topic.ts';
import { type RelayedTopics, relayedTopics, type StoppedRelay } from './relayed-topics.ts';

export interface SyncParts {
  readonly target: EngineParts;
  /** Alias of the target. */
  readonly region: string;
  readonly source: SourceRegion;
}

/** The topics of a flow as they stand in both regions. */
export interface SyncedTopics {
  readonly pairs: readonly TopicPair[];
  readonly stopped: readonly StoppedTopic[];
  /** Regions whose records of a topic that is copied are not. @default none */
  readonly stoppedRelays?: readonly StoppedRelay[];
  /** Copies whose source is not there any more; they stay as they are. */
  readonly orphans: readonly Topic[];
  /** When the copies were seen. */
  readonly seen: Observation;
}

/** A topic that is not copied, and why. */
export interface StoppedTopic {
  readonly sourceTopic: string;
  readonly topic: string;
  readonly state: 'CONFLICT' | 'SOURCE_RECREATED';
  readonly reason: string;
}

const CHANGES_AT_ONCE = 8;
/** Others that may create or delete the same name meanwhile. */
const TRIES_MAX = 5;

/** The source could not be listed: nothing was changed. */
export class SourceListFault extends Error {
  override readonly name = 'SourceListFault';
}

/**
 * Makes the flow's topics in the target what they are in the source: missing ones are created, partitions added, configs
 * set. Any number of replicators may do so at once, and again. Throws `SourceListFault`, or `StorageFault` of the target.
 */
export async function syncTopics(parts: SyncParts, flow: Flow, call: Call): Promise<SyncedTopics> {
  const { target, region, source } = parts;
  const catalogOf = (engine: EngineParts): TopicCatalog =>
    new TopicCatalog({ ...engine, partitionCountDefault: 1 });
  const remotes = catalogOf(target);
  const listed = await listSource(catalogOf(source.parts), call);
  const seen = observeNow(target.clock);
  const standing = await remotes.list(call);
  const matches = await nameFilter({ include: flow.topics, exclude: flow.topicsExclude });
  const copying: CopyingFlow = { ...flow, region };
  const { prefixGuard } = target.rules;
  const bound = flow.policy === 'merged' ? await mergedPairs(target, flow.source, call) : new Map();
  const byName = new Map(standing.map((topic) => [topic.name, topic]));
  const copied = listed.filter((topic) =>
    isCopied(copying, topic, { matches, prefixGuard, namesake: byName.get(topic.name) }),
  );
  const settled = await atOnce(copied, CHANGES_AT_ONCE, (topic) => {
    const there = byName.get(remoteTopicName(copying, topic.name));
    const namesake = byName.get(topic.name);
    return settleOrTell({ target, source, remotes, copying, bound, topic, namesake }, there, call);
  });
  const names = new Set(listed.map(({ name }) => name));
  const isOrphan = ({ remote }: Topic): boolean =>
    remote?.source === flow.source && remote.policy === flow.policy && !names.has(remote.topic);
  const pairs = settled.filter((one) => 'target' in one);
  return {
    ...(await withRelays(parts, pairs, flow.relays, call)),
    stopped: settled.filter((one) => 'state' in one),
    orphans: standing.filter(isOrphan),
    seen,
  };
}

async function withRelays(
  { target, source }: SyncParts,
  pairs: readonly TopicPair[],
  relays: readonly string[],
  call: Call,
): Promise<RelayedTopics> {
  if (relays.length === 0) return { pairs, stoppedRelays: [] };
  try {
    return await relayedTopics({ target, source: source.parts }, pairs, relays, call);
  } catch (cause) {
    if (!(cause instanceof StorageFault)) throw cause;
    throw new SourceListFault(`What is to be relayed could not be listed: ${cause.message}`, { cause });
  }
}

async function listSource(topics: TopicCatalog, call: Call): Promise<readonly Topic[]> {
  try {
    return await topics.list(call);
  } catch (cause) {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    throw new SourceListFault(`The topics of the source could not be listed${why}`, { cause });
  }
}

interface Settling {
  readonly target: EngineParts;
  readonly source: SourceRegion;
  readonly remotes: TopicCatalog;
  readonly copying: CopyingFlow;
  /** Topics of the source by topics here, of those that are written in both. */
  readonly bound: ReadonlyMap<string, string>;
  readonly topic: Topic;
  /** What has its name in the target. */
  readonly namesake: Topic | undefined;
}

/** One topic's trouble does not keep the others from being copied; it is tried again with the next look. */
async function settleOrTell(
  settling: Settling,
  standing: Topic | undefined,
  call: Call,
): Promise<TopicPair | StoppedTopic> {
  try {
    return await settle(settling, standing, call);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { copying, topic } = settling;
    const name = remoteTopicName(copying, topic.name);
    return { sourceTopic: topic.name, topic: name, state: 'CONFLICT', reason: error.message };
  }
}

async function settle(
  settling: Settling,
  standing: Topic | undefined,
  call: Call,
): Promise<TopicPair | StoppedTopic> {
  const { remotes, copying, topic } = settling;
  const sourceTopic = topic.name;
  let target = standing;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const plan = await planned(settling, target, call);
    switch (plan.kind) {
      case 'conflict':
        return { sourceTopic, topic: plan.name, state: 'CONFLICT', reason: plan.reason };
      case 'recreated':
        return { sourceTopic, topic: plan.target.name, state: 'SOURCE_RECREATED', reason: plan.reason };
      case 'follow':
        // What stands after a change is looked at like anything else: it may be another topic by then.
        if (!isBehind(plan)) return { source: topic, target: plan.target };
        target = await followed(remotes, plan, call);
        break;
      case 'create':
        target = await created(remotes, topic, await withTailStart(settling, plan, call), call);
        break;
    }
  }
  throw beingChanged(remoteTopicName(copying, sourceTopic));
}

/** ⚑ Nothing is copied into a topic that is written here too before it stands which topic of the source that is. */
async function planned(
  { target, remotes, copying, bound, topic }: Settling,
  standing: Topic | undefined,
  call: Call,
): Promise<TopicPlan> {
  if (policyOf(copying, topic.name) !== 'merged') return planTopic(copying, topic, standing);
  const { source } = copying;
  const boundId = standing === undefined ? undefined : bound.get(standing.topicId);
  const plan = planMerged(topic, standing, { alias: source, boundId });
  if (plan.kind !== 'follow' || boundId !== undefined) return plan;
  const pair = { source, sourceId: topic.topicId, targetId: plan.target.topicId };
  const boundNow = await bindMerged(target, pair, call);
  // Whoever is about to have it compacted has not seen that it is bound.
  const { name } = plan.target;
  const touched = await standingAfter(remotes, name, call, () => remotes.touch(name, call));
  if (touched?.topicId !== pair.targetId) throw beingChanged(name);
  return planMerged(topic, touched, { alias: source, boundId: boundNow });
}

type Creation = Extract<TopicPlan, { kind: 'create' }>;

/** What a promoted topic lacks begins where both differ. */
async function withTailStart(settling: Settling, plan: Creation, call: Call): Promise<Creation> {
  const { target, source, copying, topic, namesake } = settling;
  if (copying.start !== 'promotion' || plan.remote === undefined || namesake === undefined) return plan;
  try {
    const start = await tailStart({ target, source: source.parts }, { source: topic, namesake }, call);
    return { ...plan, remote: { ...plan.remote, start } };
  } catch (fault) {
    if (!(fault instanceof SideFault)) throw fault;
    if (fault.side === 'target') throw fault.fault;
    throw new SourceListFault(`What '${topic.name}' lacks was not found out: ${fault.message}`, {
      cause: fault,
    });
  }
}

type Following = Extract<TopicPlan, { kind: 'follow' }>;

function isBehind({ partitionCount, leaderEpoch, alterations }: Following): boolean {
  return partitionCount !== undefined || leaderEpoch !== undefined || alterations.length > 0;
}

/** What stands there in the end; undefined if it was deleted meanwhile. */
function followed(remotes: TopicCatalog, plan: Following, call: Call): Promise<Topic | undefined> {
  return standingAfter(remotes, plan.target.name, call, () => remotes.follow(plan.target, plan, call));
}

/** What stands there in the end, which may be somebody else's. */
function created(
  remotes: TopicCatalog,
  { partitionCount, configs }: Topic,
  plan: Creation,
  call: Call,
): Promise<Topic | undefined> {
  const { name, remote } = plan;
  return standingAfter(remotes, name, call, () =>
    remotes.create({ name, partitionCount, configs: { ...configs }, ...(remote ? { remote } : {}) }, call),
  );
}

/** What another was first with shows in what stands there. */
const OVERTAKEN = new Set(['TOPIC_ALREADY_EXISTS', 'INVALID_PARTITIONS', 'UNKNOWN_TOPIC_OR_PARTITION']);

async function standingAfter(
  remotes: TopicCatalog,
  name: string,
  call: Call,
  change: () => Promise<unknown>,
): Promise<Topic | undefined> {
  try {
    await change();
    return await remotes.describe(name, call);
  } catch (error) {
    if (!(error instanceof MillraceError) || !OVERTAKEN.has(error.code)) throw error;
  }
  try {
    return await remotes.describe(name, call);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}
