import { MillraceError } from '../../errors.ts';
import type { FlowStart, NewFlow } from '../../flows.ts';
import { isFlowPolicy } from './flow-item.ts';
import { checkPatterns, EVERYTHING, nameFilter } from './topic-filter.ts';
import { isInternalTopic } from './topic-names.ts';

const SEPARATOR_DEFAULT = '.';
/** What may stand in topic names. */
const SEPARATOR = /^[a-zA-Z0-9._-]{1,16}$/;
const RELAYS_MAX = 16;
const ALIAS = /^[a-zA-Z0-9._-]{1,100}$/;

/**
 * A flow as it was asked for, with defaults, checked as far as this can be done without its source. INVALID_REQUEST,
 * INVALID_CONFIG (what the policy cannot do).
 */
export async function checkedFlow(wanted: NewFlow, region: string): Promise<Required<NewFlow>> {
  const flow: Required<NewFlow> = {
    source: wanted.source,
    policy: wanted.policy ?? 'prefixed',
    separator: wanted.separator ?? SEPARATOR_DEFAULT,
    topics: wanted.topics ?? [EVERYTHING],
    topicsExclude: wanted.topicsExclude ?? [],
    groups: wanted.groups ?? [EVERYTHING],
    groupsExclude: wanted.groupsExclude ?? [],
    start: wanted.start ?? 'earliest',
    relays: wanted.relays ?? [],
  };
  if (flow.source === region) throw invalid(`A flow from '${region}' into itself would copy in a circle`);
  if (!ALIAS.test(flow.source)) throw invalid(`'${flow.source}' cannot be the alias of a region`);
  checkPolicy(flow, region);
  checkStart(flow.start);
  checkRelays(flow, region);
  await checkFilters(flow);
  return flow;
}

function checkPolicy({ source, policy, separator, start }: Required<NewFlow>, region: string): void {
  if (!isFlowPolicy(policy)) {
    throw invalid(`There is no policy '${policy}'; there are prefixed, identity and merged`);
  }
  if (policy === 'merged' && start !== 'earliest') {
    const message = 'Topics that are written in several regions are copied from their first records on';
    throw new MillraceError('INVALID_CONFIG', message);
  }
  if (policy === 'identity' && start === 'promotion') {
    const message = 'What a promoted topic lacks is copied beside it, under the policy prefixed';
    throw new MillraceError('INVALID_CONFIG', message);
  }
  if (!SEPARATOR.test(separator)) {
    throw invalid("A separator has 1 to 16 letters, digits, '.', '_' and '-'");
  }
  // Names would not tell any more which regions a topic has come through.
  const alias = [source, region].find((one) => one.includes(separator));
  if (policy === 'prefixed' && alias !== undefined) {
    throw invalid(`The separator '${separator}' occurs in the alias '${alias}'`);
  }
}

function checkStart(start: FlowStart): void {
  if (start === 'earliest' || start === 'latest' || start === 'promotion') return;
  if (typeof start === 'string')
    throw invalid(`'${start}' is no start: earliest, latest, promotion, a time or an offset`);
  const number = 'offset' in start ? start.offset : start.timestampMs;
  if (!Number.isSafeInteger(number) || number < 0) throw invalid('A start is a whole number from 0 on');
}

/** INVALID_REQUEST, INVALID_CONFIG. */
export function checkRelays(
  { source, policy, relays }: Pick<Required<NewFlow>, 'source' | 'policy' | 'relays'>,
  region: string,
): void {
  if (relays.length === 0) return;
  if (policy !== 'merged') {
    const message = 'Only under the policy merged a region has records of others to copy on';
    throw new MillraceError('INVALID_CONFIG', message);
  }
  if (relays.length > RELAYS_MAX) throw invalid(`A flow relays at most ${RELAYS_MAX} regions`);
  const odd = relays.find((alias) => !ALIAS.test(alias));
  if (odd !== undefined) throw invalid(`'${odd}' cannot be the alias of a region`);
  if (relays.includes(source)) throw invalid(`What was produced in '${source}' is copied without a relay`);
  if (relays.includes(region)) throw invalid(`What was produced in '${region}' is here already`);
  if (new Set(relays).size < relays.length) throw invalid('A region is relayed once');
}

async function checkFilters(flow: Required<NewFlow>): Promise<void> {
  const { topics, topicsExclude, groups, groupsExclude } = flow;
  checkPatterns([...topics, ...topicsExclude, ...groups, ...groupsExclude]);
  if (topics.length === 0)
    throw invalid('A flow copies the topics that match one of its patterns: it has none');
  const internal = topics.find((pattern) => pattern !== EVERYTHING && isInternalTopic(unescaped(pattern)));
  if (internal !== undefined) {
    throw invalid(`The pattern '${internal}' is for internal topics, which are never copied`);
  }
  await nameFilter({ include: topics, exclude: topicsExclude });
  await nameFilter({ include: groups, exclude: groupsExclude });
}

/** The pattern as the text that it would be without its escapes, and without what begins many a pattern. */
function unescaped(pattern: string): string {
  return pattern.replaceAll(/\\(.)/g, '$1').replace(/^\.[*+]/, '');
}

function invalid(message: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', message);
}
