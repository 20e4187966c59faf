import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import type { Call } from '../storage/call.ts';
import { isCompacted } from './configs.ts';
import type { Topic } from './topic-item.ts';

/*
 * A merged topic has an item for each region that it has records of (lib/replication/topics/merged-pairs.ts): pk = flows,
 * sk = pair#<alias of the region>#<topic id here>.
 */
export const PAIRS_KEY = 'flows';
export const PAIR_PREFIX = 'pair#';

export function pairSortKey(source: string, topicId: string): string {
  return `${PAIR_PREFIX}${source}#${topicId}`;
}

const PAIRS_PER_PAGE = 1_000;

/**
 * ⚑ INVALID_CONFIG for a topic that would be compacted and has records of other regions: the newest record of a key is not
 * the same one in every region. Consistent; asks nothing where the topic is not to be compacted.
 */
export async function refuseCompactedMerge(
  { catalog }: Pick<EngineParts, 'catalog'>,
  { name, topicId, configs }: Topic,
  call: Call,
): Promise<void> {
  if (!isCompacted(configs) || !(await isMergedHere({ catalog }, topicId, call))) return;
  const message = `Topic '${name}' is written in several regions and has records of others: it cannot be compacted`;
  throw new MillraceError('INVALID_CONFIG', message);
}

async function isMergedHere(
  { catalog }: Pick<EngineParts, 'catalog'>,
  topicId: string,
  call: Call,
): Promise<boolean> {
  let after: string | undefined;
  for (;;) {
    // Behind '#' comes '$'.
    const range = {
      from: PAIR_PREFIX,
      to: `${PAIR_PREFIX.slice(0, -1)}$`,
      limit: PAIRS_PER_PAGE,
      consistent: true,
    };
    const page = await catalog.query(PAIRS_KEY, after === undefined ? range : { ...range, after }, call);
    if (page.items.some(({ sk }) => sk.endsWith(`#${topicId}`))) return true;
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return false;
  }
}
