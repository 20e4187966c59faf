import { MillraceError } from '../../errors.ts';
import type { TopicDescription } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import type { TopicThere } from '../assign/target.ts';
import { atOnce } from '../at-once.ts';
import type { Group, Subscription } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';

/** How often a process looks whether a group's topics have changed. */
const LOOK_EVERY_MS = 60_000;
const GROUPS_MAX = 10_000;
const LOOKS_AT_ONCE = 16;

/** Looks at the topics that a group's members subscribe to. */
export class TopicLooks {
  readonly #deps: GroupParts;
  /** By group: `Clock.monotonicMs` of the last look. */
  readonly #lookedMs = new Map<string, number>();

  constructor(deps: GroupParts) {
    this.#deps = deps;
  }

  /**
   * Once a minute. A process that meets the group for the first time behaves as if it had looked some time within the last
   * minute, so that short-lived processes together look as often as one that stays.
   */
  isDue(groupId: string): boolean {
    const { clock, random } = this.#deps;
    const lookedMs = this.#lookedMs.get(groupId);
    if (lookedMs !== undefined) return clock.monotonicMs() - lookedMs >= LOOK_EVERY_MS;
    this.#note(groupId, clock.monotonicMs() - random.next() * LOOK_EVERY_MS);
    return false;
  }

  /** All topics that are there and may be subscribed to. What `known` has otherwise is looked at consistently. */
  async look(
    groupId: string,
    { subscriptions, known }: { readonly subscriptions: readonly Subscription[]; readonly known?: Group },
    call: Call,
  ): Promise<readonly TopicThere[]> {
    this.#note(groupId, this.#deps.clock.monotonicMs());
    if (subscriptions.some(({ topicRegex }) => topicRegex !== '')) return this.#deps.log.listTopics(call);
    const names = [...new Set(subscriptions.flatMap(({ topics }) => topics))];
    const before = new Map(known?.topics.map((topic) => [topic.name, topic]));
    const found = await atOnce(names, LOOKS_AT_ONCE, async (name) => {
      const topic = await this.#ifThere(() => this.#deps.log.resolveTopic(name, call));
      if (topic === undefined || known === undefined) return topic;
      // What a process remembers may be older than what the group knows, or has dropped.
      const standing = before.get(name);
      const isAsKnown = topic.topicId === standing?.topicId && topic.partitionCount >= standing.owner.length;
      return isAsKnown ? topic : this.#ifThere(() => this.#deps.log.describeTopic(name, call));
    });
    return found.filter((topic) => topic !== undefined);
  }

  async #ifThere(resolve: () => Promise<TopicDescription>): Promise<TopicDescription | undefined> {
    try {
      return await resolve();
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw error;
    }
  }

  #note(groupId: string, lookedMs: number): void {
    if (this.#lookedMs.size >= GROUPS_MAX) this.#lookedMs.clear();
    this.#lookedMs.set(groupId, lookedMs);
  }
}
