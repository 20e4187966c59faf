import { entryText, sinceText, type TimedEntry } from './trace.ts';
import type { Violation } from './violation.ts';
import type { World } from './world.ts';

const ENTRIES_BEFORE = 45;
const ENTRIES_AFTER = 5;
const VIOLATIONS_MAX = 5;

/** The first broken promises, and the shortest stretch of the trace that tells how the first came about. */
export function reportText(world: World, violations: readonly Violation[]): string {
  const [first] = violations;
  if (first === undefined) return 'nothing is broken';
  const lines = [`seed ${world.seed}, profile ${world.profile.name}`];
  for (const violation of violations.slice(0, VIOLATIONS_MAX)) lines.push(violationText(world, violation));
  if (violations.length > VIOLATIONS_MAX) lines.push(`and ${violations.length - VIOLATIONS_MAX} more`);
  lines.push('', ...excerpt(world, first).map((entry) => entryText(entry, world.startMs)));
  return lines.join('\n');
}

function violationText(world: World, violation: Violation): string {
  const place = violation.where === undefined ? '' : ` (${violation.where} at ${violation.offset})`;
  return `${violation.invariant} ${sinceText(violation.atMs - world.startMs)}${place}: ${violation.message}`;
}

const MISHAPS = new Set(['freeze', 'thaw', 'crash', 'wall']);

/** Mishaps and whatever names the violation's partition, around its time. */
function excerpt(world: World, violation: Violation): TimedEntry[] {
  const names = namesOf(world, violation);
  const concerns = (entry: TimedEntry): boolean => {
    if (MISHAPS.has(entry.kind)) return true;
    const text = entryText(entry, world.startMs);
    return names.length === 0 || names.some((name) => text.includes(name));
  };
  const relevant = world.trace.entries.filter(concerns);
  const at = relevant.findLastIndex(({ atMs }) => atMs <= violation.atMs);
  return relevant.slice(Math.max(0, at - ENTRIES_BEFORE), at + ENTRIES_AFTER);
}

/** A partition appears by topic name in what clients do and by topic id in what storage does. */
function namesOf(world: World, { where }: Violation): string[] {
  if (where === undefined) return [];
  const [, partition] = /[:-](\d+)$/.exec(where) ?? [];
  const topics = world.profile.topicNames.map((name) => `${name}-${partition}`);
  return where.includes(':') ? [where, ...topics] : [where, `:${partition} `];
}
