import type { Output } from '../verify-log.ts';
import { type Api, ApiError } from './api.ts';
import { copiesOf, unfinished } from './copies.ts';
import { missing } from './fail-over.ts';
import { createFlow, ifThere, standingFlow } from './flow-of.ts';
import { type Plan, planReCreation } from './plan-re-creation.ts';
import { changeRegion, type FlowBody, tellRegion } from './region-state.ts';
import { awaitNone, tellSome, type Waiting } from './waiting.ts';

export interface ReCreate extends Waiting {
  /** Alias of the region that has taken over. */
  readonly source: string;
  readonly from: Api;
  /** The one that was lost, and is made anew. */
  readonly to: Api;
  /** Patterns of topics that are copied back. @default all */
  readonly topics?: readonly string[];
  readonly exclude?: readonly string[];
  /** Whether it may be deleted what lies before the beginning of a promoted topic. @default false */
  readonly trimmed?: boolean;
}

/**
 * Makes the promoted topics of the region that has taken over what they were before, the other way round: the lost region's
 * own are deleted there and come back as copies. ⚑ Only where everything that they have is in the region that has taken over,
 * in the topic or in what was exported. Answers whether the copies are complete.
 */
export async function reCreate(work: ReCreate, output: Output): Promise<boolean> {
  const { source, to } = work;
  const standing = await standingFlow(to, source);
  if (standing !== undefined && standing.policy !== 'identity') {
    throw new ApiError(`a flow from ${source} is at ${to.name}, ${standing.policy}: delete it first`);
  }
  // What is refused is refused before anything is frozen; but only what is frozen stays as it was seen.
  let plan = await planReCreation({ ...work, standing });
  if (plan.toDelete.length > 0) {
    const frozen = await changeRegion(to, 'freeze', output);
    tellRegion(to.name, frozen, output);
    if (frozen.state !== 'FROZEN' || !frozen.is_complete) return false;
    plan = await planReCreation({ ...work, standing });
  }
  if (!tellPlan(plan, work, output)) return false;
  for (const { topic_name } of plan.toDelete) {
    await ifThere(() => to.v3('DELETE', `/topics/${encodeURIComponent(topic_name)}`));
  }
  tellRegion(to.name, await changeRegion(to, 'thaw', output), output);
  const { topics, topics_exclude } = plan.terms;
  const wanted = { source_region: source, policy: 'identity', topics, topics_exclude };
  return awaitCopies(standing ?? (await createFlow(to, wanted)), plan, work, output);
}

/** False: nothing may be deleted. */
function tellPlan(plan: Plan, { from, to, trimmed = false }: ReCreate, output: Output): boolean {
  const { lost, before, conflicts, toDelete, own, alias } = plan;
  tellSome(lost, (text) => text, 'partitions', output);
  tellSome(
    conflicts,
    (name) => `${name}: both regions have a topic of that name, and neither is a copy`,
    'topics',
    output,
  );
  if (lost.length > 0) {
    output.line(
      `Nothing was deleted: export-tail --source ${alias} --from ${to.name} --to ${from.name} brings it there first`,
    );
  }
  tellSome(before, (text) => `${text}: trimmed there, or never copied`, 'partitions', output);
  if (before.length > 0 && !trimmed) {
    output.line('Nothing was deleted: with --trimmed this goes, too');
  }
  if (conflicts.length > 0) {
    output.line('Nothing was deleted: leave these topics out with --exclude PATTERN, or delete one of them');
  }
  if (lost.length + conflicts.length + (trimmed ? 0 : before.length) > 0) return false;
  if (own.length > 0) {
    tellSome(own, (name) => `${name}: is ${alias}'s own and stays as it is`, 'topics', output);
  }
  if (toDelete.length > 0) {
    output.line(`${toDelete.length} topics of ${alias} are deleted: all that they have is at ${from.name}`);
  }
  return true;
}

async function awaitCopies(
  flow: FlowBody,
  { alias }: Plan,
  work: ReCreate,
  output: Output,
): Promise<boolean> {
  const { from, to, source } = work;
  // The one that has taken over goes on being written to: what it has now is waited for.
  const copies = await copiesOf(from, flow);
  const look = async () => (await unfinished(to, copies)).filter(({ left }) => left >= 0);
  const left = await awaitNone(look, (all) => `${all.length} partitions are still to come`, work, output);
  if (left.length > 0) {
    tellSome(left, missing, 'partitions', output);
    output.line(`${alias} is being filled from ${source}; status tells how far it is`);
    return false;
  }
  const topics = new Set(copies.map(({ copy }) => copy)).size;
  output.line(`${alias} stands by for ${source} again: ${topics} topics, ${copies.length} partitions`);
  return true;
}
