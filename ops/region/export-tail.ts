import type { Output } from '../verify-log.ts';
import { type Api, ApiError } from './api.ts';
import { type CopyOf, copiesOf, unfinished } from './copies.ts';
import { behind, missing } from './fail-over.ts';
import { createFlow, deleteFlow, standingFlow } from './flow-of.ts';
import { type LatePosition, latePositions } from './group-positions.ts';
import { inTurn } from './in-turn.ts';
import { changeRegion, type FlowBody, tellFlow, tellRegion } from './region-state.ts';
import { allEnds, endsOf, type TopicBody, topicsOf } from './topics.ts';
import { awaitNone, tellSome, type Waiting } from './waiting.ts';

export interface ExportTail extends Waiting {
  /** Alias of the region that was lost. */
  readonly source: string;
  readonly from: Api;
  readonly to: Api;
  /** How long to wait for positions of groups, which may be kept from coming by members there. @default half a minute */
  readonly positionsMs?: number;
}

const POSITIONS_MS = 30_000;
/** From so many on, all topics are named by one pattern. */
const PATTERNS_MAX = 500;

/**
 * Brings what a region had taken before it was lost, and nobody had copied, into topics of their own beside those that were
 * promoted. Answers whether all of it is there.
 */
export async function exportTail(work: ExportTail, output: Output): Promise<boolean> {
  const { source, from, to } = work;
  const standing = await topicsOf(to);
  const promoted = standing.filter((topic) => topic.promoted?.source_region === source);
  if (promoted.length === 0) {
    throw new ApiError(
      `no topic at ${to.name} was promoted from ${source}: there is nothing to compare with`,
    );
  }
  const before = await standingFlow(to, source);
  if (before !== undefined && before.start.to !== 'PROMOTION') {
    throw new ApiError(`a flow from ${source} is there, ${before.policy}: delete it first`);
  }
  const region = await changeRegion(from, 'freeze', output);
  tellRegion(from.name, region, output);
  if (region.state !== 'FROZEN' || !region.is_complete) return false;
  const theirs = await topicsOf(from);
  const left = await leftBehind(from, theirs, promoted);
  tellAnew(theirs, promoted, output);
  if (left.length === 0) {
    if (before !== undefined) await deleteFlow(to, source);
    output.line(
      `Everything that ${source} has in ${promoted.length} promoted topics is in them: nothing was copied`,
    );
    return true;
  }
  const flow = before ?? (await createFlow(to, tailFlow(source, left)));
  return copyAll(flow, work, output);
}

/** Topics of the source that go on behind what was promoted from them. */
async function leftBehind(
  from: Api,
  theirs: readonly TopicBody[],
  promoted: readonly TopicBody[],
): Promise<readonly TopicBody[]> {
  const byId = new Map(promoted.map(({ promoted: was }) => [was?.topic_id, was?.end_offsets ?? []]));
  const looked = await inTurn(theirs, async (topic) => {
    const endOffsets = byId.get(topic.topic_id);
    if (endOffsets === undefined) return [];
    const ends = await allEnds(from, topic);
    const goesOn = ends.some((one, partition) => {
      const { beginning_offset = 0, end_offset = 0 } = one ?? {};
      return end_offset > Math.max(beginning_offset, endOffsets[partition] ?? 0);
    });
    return goesOn ? [topic] : [];
  });
  return looked.flat();
}

function tailFlow(source: string, left: readonly TopicBody[]): Parameters<typeof createFlow>[1] {
  const names = left.map(({ topic_name }) => topic_name.replaceAll('.', '\\.'));
  return {
    source_region: source,
    policy: 'prefixed',
    topics: names.length > PATTERNS_MAX ? ['.*'] : names,
    start: { to: 'PROMOTION' },
  };
}

async function copyAll(flow: FlowBody, work: ExportTail, output: Output): Promise<boolean> {
  const { source, from, to } = work;
  const standing = await topicsOf(to);
  const copies = await copiesOf(from, flow, standing);
  const told = (left: readonly unknown[]): string => `${left.length} partitions are still to come`;
  const left = await awaitNone(() => unfinished(to, copies), told, work, output);
  if (left.length > 0) {
    tellSome(left, missing, 'partitions', output);
    const now = await standingFlow(to, source);
    if (now !== undefined) tellFlow(now, output);
    output.line(
      `Not all of it has come. ${source} stays frozen: again. A topic of an earlier export that is in the way is to be deleted first`,
    );
    return false;
  }
  await tellPositions(flow, work, output);
  await deleteFlow(to, source);
  const all = await inTurn(copies, (copy) => stretchOf(to, copy));
  const parts = all.filter(({ count }) => count > 0);
  tellSome(parts, ({ text }) => text, 'partitions', output);
  const late = lateOnes(all, standing, source);
  if (late.length > 0) {
    tellSome(late, (text) => text, 'partitions', output);
    output.line(
      'Where that was not brought before, a topic of another flow was in the way: delete it, and once more',
    );
    return false;
  }
  const offsets = parts.reduce((total, { count }) => total + count, 0);
  output.line(
    `What had not come over from ${source} is at ${to.name}: ${offsets} offsets of ${parts.length} partitions, under the offsets that they had`,
  );
  return true;
}

/** Where groups go on in what is brought comes over with it, but for those that have members there. */
async function tellPositions(
  flow: FlowBody,
  { from, to, sleep, positionsMs = POSITIONS_MS }: ExportTail,
  output: Output,
): Promise<void> {
  const told = (late: readonly LatePosition[]): string => `${late.length} positions are still to come`;
  const waiting = { sleep, waitMs: positionsMs };
  const late = await awaitNone(() => latePositions(from, to, flow), told, waiting, output);
  tellSome(late, behind, 'positions', output);
}

/** What a copy has of its source. */
interface Stretch {
  readonly of: CopyOf;
  readonly start: number;
  readonly count: number;
  readonly text: string;
}

async function stretchOf(to: Api, of: CopyOf): Promise<Stretch> {
  const { topic, copy, partition, sourceEnd } = of;
  const { beginning_offset: start } = (await endsOf(to, copy, partition)) ?? { beginning_offset: sourceEnd };
  const text = `${topic}/${partition}: offsets ${start} to ${sourceEnd - 1} are in ${copy}/${partition}`;
  return { of, start, count: sourceEnd - start, text };
}

/** Copies that begin behind where the promoted partition ended, or its source begins. */
function lateOnes(
  all: readonly Stretch[],
  standing: readonly TopicBody[],
  source: string,
): readonly string[] {
  const ends = new Map(
    standing.flatMap(({ topic_name: name, promoted }) =>
      promoted?.source_region === source ? [[name, promoted.end_offsets] as const] : [],
    ),
  );
  return all.flatMap(({ of: { topic, copy, partition, sourceStart, sourceEnd }, start }) => {
    const from = Math.max(sourceStart, ends.get(topic)?.[partition] ?? 0);
    return from < Math.min(start, sourceEnd)
      ? [
          `${topic}/${partition}: offsets ${from} to ${start - 1} are not in ${copy}/${partition}, which begins behind them`,
        ]
      : [];
  });
}

/** What has a promoted topic's name and is another one has nothing to do with it. */
function tellAnew(theirs: readonly TopicBody[], promoted: readonly TopicBody[], output: Output): void {
  const ids = new Map(theirs.map(({ topic_name, topic_id }) => [topic_name, topic_id]));
  const gone = promoted.filter(({ topic_name, promoted: was }) => ids.get(topic_name) !== was?.topic_id);
  const what = ({ topic_name: name }: TopicBody): string =>
    ids.has(name) ? `${name}: is another topic there by now` : `${name}: is not there any more`;
  tellSome(gone, what, 'topics', output);
}
