import { type Api, ApiError } from './api.ts';
import { copiedTopics, type FlowTerms } from './copies.ts';
import { inTurn } from './in-turn.ts';
import type { FlowBody } from './region-state.ts';
import { allEnds, type TopicBody, topicsOf } from './topics.ts';

/** What making a region anew comes to. */
export interface Plan {
  /** Alias of the region that is made anew. */
  readonly alias: string;
  /** The flow that is to fill it. */
  readonly terms: FlowTerms;
  /** Its topics that are in the region that has taken over. */
  readonly toDelete: readonly TopicBody[];
  /** What would be lost with them, a line each. */
  readonly lost: readonly string[];
  /** What lies before the beginning of what is there, promoted or exported: it was trimmed there, or never copied. A line each. */
  readonly before: readonly string[];
  /** Names of topics that both regions have, none of which is the other's copy. */
  readonly conflicts: readonly string[];
  /** Names of topics that it alone has. */
  readonly own: readonly string[];
}

interface Wanted {
  /** Alias of the region that has taken over. */
  readonly source: string;
  readonly from: Api;
  readonly to: Api;
  readonly topics?: readonly string[];
  readonly exclude?: readonly string[];
  readonly standing: FlowBody | undefined;
}

/** `to` must be frozen: its ends stay. Throws `ApiError`. */
export async function planReCreation(wanted: Wanted): Promise<Plan> {
  const { from, to } = wanted;
  const [ours, theirs] = [await topicsOf(from), await topicsOf(to)];
  const alias = aliasOf(wanted, ours, theirs);
  const terms = termsOf(wanted, alias);
  const byName = new Map(theirs.map((topic) => [topic.topic_name, topic]));
  const copied = await copiedTopics(ours, terms);
  const toDelete: { readonly theirs: TopicBody; readonly ours: TopicBody }[] = [];
  const conflicts: string[] = [];
  for (const { topic, copy } of copied) {
    const standing = byName.get(copy);
    if (standing === undefined || standing.remote?.topic_id === topic.topic_id) continue;
    const isPromoted =
      topic.promoted?.source_region === alias && topic.promoted.topic_id === standing.topic_id;
    if (isPromoted) toDelete.push({ theirs: standing, ours: topic });
    else conflicts.push(copy);
  }
  const compared = await inTurn(toDelete, (pair) => compare(from, to, pair, ours));
  const names = new Set(copied.map(({ copy }) => copy));
  const own = theirs.filter(({ topic_name, remote }) => remote === undefined && !names.has(topic_name));
  return {
    alias,
    terms,
    toDelete: toDelete.map((pair) => pair.theirs),
    lost: compared.flatMap(({ lost }) => lost),
    before: compared.flatMap(({ before }) => before),
    conflicts,
    own: own
      .map(({ topic_name }) => topic_name)
      .filter((name) => name !== 'heartbeats' && !name.endsWith('.internal')),
  };
}

/** The alias under which topics were promoted from the region that is made anew. */
function aliasOf(
  { source, from, to, standing }: Wanted,
  ours: readonly TopicBody[],
  theirs: readonly TopicBody[],
): string {
  if (standing !== undefined) return standing.target_region;
  const ids = new Set(theirs.map(({ topic_id }) => topic_id));
  const promoted = ours.flatMap((topic) => topic.promoted ?? []);
  const known = promoted.filter(({ topic_id }) => ids.has(topic_id));
  const aliases = new Set((known.length > 0 ? known : promoted).map(({ source_region }) => source_region));
  const [alias] = aliases;
  if (alias !== undefined && aliases.size === 1) return alias;
  throw new ApiError(
    `no topic of ${source}, at ${from.name}, was promoted from the region at ${to.name}: there is nothing to make anew`,
  );
}

function termsOf({ source, topics = ['.*'], exclude = [], standing }: Wanted, alias: string): FlowTerms {
  if (standing !== undefined) return standing;
  return {
    source_region: source,
    target_region: alias,
    policy: 'identity',
    separator: '.',
    topics,
    topics_exclude: exclude,
  };
}

/** ⚑ What of a topic is neither in what was promoted from it, nor in what was exported beside that. */
async function compare(
  from: Api,
  to: Api,
  { theirs, ours }: { readonly theirs: TopicBody; readonly ours: TopicBody },
  all: readonly TopicBody[],
): Promise<Pick<Plan, 'lost' | 'before'>> {
  const promoted = ours.promoted?.end_offsets ?? [];
  const exported = all.find(
    ({ remote }) => remote?.policy === 'prefixed' && remote.topic_id === theirs.topic_id,
  );
  const tails = exported === undefined ? [] : await allEnds(from, exported);
  const here = await allEnds(from, ours);
  const lost: string[] = [];
  const before: string[] = [];
  for (const [partition, ends] of (await allEnds(to, theirs)).entries()) {
    const { beginning_offset: start = 0, end_offset: end = 0 } = ends ?? {};
    const tell = (lines: string[], first: number, behind: number, what = 'not'): void => {
      if (first >= behind) return;
      const place = `${theirs.topic_name}/${partition}`;
      lines.push(`${place}: offsets ${first} to ${behind - 1} are ${what} at ${from.name}`);
    };
    const copied = promoted[partition];
    const left = Math.max(start, copied ?? 0);
    const tail = tails[partition];
    if (exported === undefined || tail === undefined || tail.end_offset < end) tell(lost, left, end);
    else {
      // ⚑ A copy that somebody has made otherwise may begin anywhere, and retention takes from one that was exported, too.
      const what = `before the beginning of ${exported.topic_name}`;
      tell(before, left, Math.min(tail.beginning_offset, end), what);
    }
    if (copied !== undefined) {
      tell(before, start, Math.min(here[partition]?.beginning_offset ?? 0, copied, end));
    }
  }
  return { lost, before };
}
