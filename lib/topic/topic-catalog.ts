import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { type Observation, observationAgeMs } from '../storage/observation.ts';
import type { Condition } from '../storage/table.ts';
import { closeIfFrozen } from './close-topic.ts';
import { parseConfigs } from './configs.ts';
import { finishDeletion } from './finish-deletion.ts';
import { refuseCompactedMerge } from './merged-here.ts';
import type { PromotedFrom } from './promoted-from.ts';
import type { RemoteOrigin } from './remote-origin.ts';
import {
  type Alteration,
  alreadyExists,
  alteredConfigs,
  beingChanged,
  checkPartitionCount,
  type Followed,
  followedTopic,
  unknownTopic,
} from './topic-changes.ts';
import { TOPICS_KEY, type Topic, topicFromItem, topicToItem } from './topic-item.ts';
import { checkTopicName } from './topic-name.ts';

interface Dependencies extends Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'> {
  readonly partitionCountDefault: number;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitionCount?: number;
  readonly configs?: Readonly<Record<string, string>>;
  readonly validateOnly?: boolean;
  /** Of a topic that a flow is to keep. */
  readonly remote?: RemoteOrigin;
}

/** A topic and when it was seen. */
export interface SeenTopic {
  readonly topic: Topic;
  readonly observation: Observation;
}

/** Concurrent changes of one topic that a change gives way to before it gives up. */
const CHANGE_TRIES_MAX = 8;
const CACHE_ENTRIES_MAX = 10_000;

/** Topics by name, in the catalog; what this process resolved is cached for a minute. */
export class TopicCatalog {
  readonly #deps: Dependencies;
  readonly #cache = new Map<string, SeenTopic>();

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  /** For the hot paths: seen at most 60 s ago (⚑). Throws UNKNOWN_TOPIC_OR_PARTITION. */
  async resolve(name: string, call: Call): Promise<SeenTopic> {
    const cached = this.#cache.get(name);
    if (cached !== undefined) {
      const now = { wallMs: this.#deps.clock.wallMs(), monotonicMs: this.#deps.clock.monotonicMs() };
      if (observationAgeMs(cached.observation, now) <= LIMITS.topicCacheMsMax) return cached;
    }
    const { topic, observation } = await this.#get(name, call);
    if (topic?.state !== 'active') throw unknownTopic(name);
    return { topic, observation };
  }

  forget(name: string): void {
    this.#cache.delete(name);
  }

  /** Consistent. Throws UNKNOWN_TOPIC_OR_PARTITION. */
  async describe(name: string, call: Call): Promise<Topic> {
    const { topic } = await this.#get(name, call);
    if (topic?.state !== 'active') throw unknownTopic(name);
    return topic;
  }

  async #get(
    name: string,
    call: Call,
  ): Promise<{ readonly topic: Topic | undefined; readonly observation: Observation }> {
    checkTopicName(name);
    const { item, observation } = await this.#deps.catalog.get(
      { pk: TOPICS_KEY, sk: name },
      { consistent: true },
      call,
    );
    const topic = item === undefined ? undefined : topicFromItem(item);
    this.#cache.delete(name);
    if (topic?.state !== 'active') return { topic, observation };
    if (this.#cache.size >= CACHE_ENTRIES_MAX) this.#cache.clear();
    this.#cache.set(name, { topic, observation });
    return { topic, observation };
  }

  /** Active topics, by name. */
  async list(call: Call): Promise<Topic[]> {
    return (await this.listUnfinished(call)).filter((topic) => topic.state === 'active');
  }

  /** Those too whose deletion was cut off: their chunks must not expire unsealed before their partitions are closed. */
  async listUnfinished(call: Call): Promise<Topic[]> {
    const topics: Topic[] = [];
    let after: string | undefined;
    for (;;) {
      const range = { limit: 1_000, consistent: true };
      const page = await this.#deps.catalog.query(
        TOPICS_KEY,
        after === undefined ? range : { ...range, after },
        call,
      );
      topics.push(...page.items.map(topicFromItem).filter((topic) => topic.state !== 'deleted'));
      after = page.items.at(-1)?.sk;
      if (!page.more || after === undefined) return topics;
    }
  }

  /** INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG, TOPIC_ALREADY_EXISTS. */
  async create(spec: TopicSpec, call: Call): Promise<Topic> {
    checkTopicName(spec.name);
    const partitionCount = spec.partitionCount ?? this.#deps.partitionCountDefault;
    checkPartitionCount(partitionCount);
    const configs = parseConfigs(spec.configs ?? {});
    for (let tries = 0; tries < CHANGE_TRIES_MAX; tries += 1) {
      const topic: Topic = {
        name: spec.name,
        topicId: this.#deps.random.uuid(),
        partitionCount,
        configs,
        leaderEpoch: 0,
        state: 'active',
        ...(spec.remote === undefined ? {} : { remote: spec.remote }),
        version: this.#deps.random.id(),
      };
      const { topic: before, observation } = await this.#get(spec.name, call);
      if (before?.state === 'active') throw alreadyExists(spec.name);
      if (spec.validateOnly === true) return topic;
      // A deletion that was cut off is finished first: its name is not free before its partitions are closed.
      if (before?.state === 'deleting') await this.#finishDeletion(before, call);
      else if (await this.#storeNew(topic, { before, observation }, call)) return topic;
    }
    throw beingChanged(spec.name);
  }

  async #storeNew(
    topic: Topic,
    seen: { readonly before: Topic | undefined; readonly observation: Observation },
    call: Call,
  ): Promise<boolean> {
    await closeIfFrozen(this.#deps, topic, 0, call);
    const isStored = await this.#store(topic, seen, call);
    if (isStored) await closeIfFrozen(this.#deps, topic, 0, call);
    return isStored;
  }

  /**
   * False if the name has to be looked at again. ⚑ A put that is retried after its answer was lost must not find the
   * name free once more: what it replaces, or nothing, never comes back as it was, because a deletion leaves its item.
   */
  async #store(
    topic: Topic,
    seen: { readonly before: Topic | undefined; readonly observation: Observation },
    call: Call,
  ): Promise<boolean> {
    const condition: Condition =
      seen.before === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: seen.before.version };
    const fences = [{ observation: seen.observation, ageMsMax: LIMITS.topicCreationAgeMsMax }];
    const result = await this.#deps.catalog.put(topicToItem(topic), { condition, fences }, call);
    if (result.stored) return true;
    const standing = result.standing === undefined ? undefined : topicFromItem(result.standing);
    if (standing?.state !== 'active') return false;
    if (standing.topicId !== topic.topicId) throw alreadyExists(topic.name);
    return true;
  }

  /** INVALID_PARTITIONS unless it grows; UNKNOWN_TOPIC_OR_PARTITION. */
  async createPartitions(name: string, partitionCount: number, call: Call): Promise<Topic> {
    let from = 0;
    const topic = await this.#change(name, call, (topic) => {
      checkPartitionCount(partitionCount);
      from = topic.partitionCount;
      if (partitionCount <= topic.partitionCount) {
        const message = `Topic '${name}' has ${topic.partitionCount} partitions already; their number can only grow`;
        throw new MillraceError('INVALID_PARTITIONS', message);
      }
      return { ...topic, partitionCount };
    });
    await closeIfFrozen(this.#deps, topic, from, call);
    return topic;
  }

  /** Processes that know the topic notice within a minute; a restore is done while there are none. UNKNOWN_TOPIC_OR_PARTITION. */
  async raiseLeaderEpoch(name: string, leaderEpoch: number, call: Call): Promise<Topic> {
    const raised = (topic: Topic): Topic => ({
      ...topic,
      leaderEpoch: Math.max(topic.leaderEpoch, leaderEpoch),
    });
    return this.#change(name, call, raised);
  }

  /**
   * ⚑ Makes a copy, exactly as it was seen, a topic that everybody may write to: from when this is stored on. False: it is
   * another one by now, or not what was seen any more.
   */
  async promote({ remote: _remote, ...seen }: Topic, promoted: PromotedFrom, call: Call): Promise<boolean> {
    const topic: Topic = { ...seen, promoted, version: this.#deps.random.id() };
    const condition = { kind: 'ifVersion', version: seen.version } as const;
    const result = await this.#deps.catalog.put(topicToItem(topic), { condition }, call);
    this.#cache.delete(seen.name);
    return result.stored;
  }

  /**
   * Adds partitions to a copy, sets its configs and raises its epoch, in one step, for the flow that keeps it. ⚑ What was promoted meanwhile, or
   * made anew, is left as it is: it belongs to those who write to it. Answers what stands there then.
   */
  async follow(copy: Topic, wanted: Followed, call: Call): Promise<Topic> {
    let from = copy.partitionCount;
    const followed = await this.#change(copy.name, call, (topic) => {
      from = topic.partitionCount;
      return followedTopic(topic, copy, wanted);
    });
    if (followed.partitionCount > from) await closeIfFrozen(this.#deps, followed, from, call);
    return followed;
  }

  /** INVALID_CONFIG, all or nothing: what no topic can have, and what one that is merged cannot. UNKNOWN_TOPIC_OR_PARTITION. */
  async alterConfigs(
    name: string,
    alterations: readonly Alteration[],
    options: { readonly validateOnly: boolean },
    call: Call,
  ): Promise<void> {
    const altered = async (topic: Topic): Promise<Topic> => {
      const wanted = { ...topic, configs: alteredConfigs(topic.configs, alterations) };
      await refuseCompactedMerge(this.#deps, wanted, call);
      return wanted;
    };
    if (options.validateOnly) await altered(await this.describe(name, call));
    else await this.#change(name, call, altered);
  }

  /**
   * ⚑ Stores a topic once more as it is, so that no change of it rests on what was seen before: whoever changes it looks anew
   * at what has been stored about it. UNKNOWN_TOPIC_OR_PARTITION.
   */
  async touch(name: string, call: Call): Promise<Topic> {
    return this.#change(name, call, (topic) => ({ ...topic }));
  }

  /** Closes every partition, then frees the name. Cut off at any point, it is finished by the next delete or create. */
  async delete(name: string, call: Call): Promise<void> {
    const { topic } = await this.#get(name, call);
    if (topic === undefined || topic.state === 'deleted') throw unknownTopic(name);
    const marked =
      topic.state === 'deleting'
        ? topic
        : await this.#change(name, call, (active) => ({ ...active, state: 'deleting' }));
    await this.#finishDeletion(marked, call);
  }

  /** Finishes deletions that were cut off. Answers the names that are free now. */
  async resumeDeletions(call: Call): Promise<readonly string[]> {
    const cutOff = (await this.listUnfinished(call)).filter((topic) => topic.state === 'deleting');
    for (const topic of cutOff) await this.#finishDeletion(topic, call);
    return cutOff.map(({ name }) => name);
  }

  async #finishDeletion(topic: Topic, call: Call): Promise<void> {
    await finishDeletion(this.#deps, topic, call);
    this.#cache.delete(topic.name);
  }

  async #change(name: string, call: Call, change: (topic: Topic) => Topic | Promise<Topic>): Promise<Topic> {
    for (let tries = 0; tries < CHANGE_TRIES_MAX; tries += 1) {
      const topic = await this.describe(name, call);
      const wanted = await change(topic);
      if (wanted === topic) return topic;
      const changed = { ...wanted, version: this.#deps.random.id() };
      const condition = { kind: 'ifVersion', version: topic.version } as const;
      const result = await this.#deps.catalog.put(topicToItem(changed), { condition }, call);
      this.#cache.delete(name);
      if (result.stored) return changed;
    }
    throw beingChanged(name);
  }
}
