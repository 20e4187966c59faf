import { partitionKey } from '../../../lib/partition/chunk.ts';
import { type SeenRecord, seenIn } from './copied-truth.ts';
import type { Evidence } from './evidence.ts';
import { homeOf } from './region-clients.ts';
import type { RegionsWorld } from './regions-world.ts';

/**
 * I9 of a topic that is written in every region: each origin's records once and in their order, everywhere. Only what the
 * origin itself has trimmed may never have come over.
 */
export function* checkMerged(evidence: Evidence): Generator<string> {
  const { world } = evidence;
  const { aliases } = world.profile;
  const counts = aliases.map((alias) => homeOf(world, alias)?.partitionCount ?? 0);
  for (let partition = 0; partition < Math.max(...counts); partition += 1) {
    for (const alias of aliases) {
      for (const problem of checkRegion(evidence, { alias, partition })) {
        yield `${alias}/${partition}: ${problem}`;
      }
    }
  }
}

interface Place {
  readonly alias: string;
  readonly partition: number;
}

function* checkRegion(evidence: Evidence, place: Place): Generator<string> {
  const stored = storedAt(evidence, place);
  const texts = stored.map(({ text }) => text);
  if (new Set(texts).size < texts.length) yield `${firstTwice(texts)} is there twice`;
  const left = leftAt(evidence, place);
  for (const origin of evidence.world.profile.aliases) {
    const there = { alias: origin, partition: place.partition };
    const wanted = ofOrigin(origin, storedAt(evidence, there));
    const isGoneThere = trimmedAt(evidence, there);
    const isGoneHere = trimmedAt(evidence, place);
    const problem =
      difference(wanted, ofOrigin(origin, stored), isGoneThere) ??
      difference(wanted, ofOrigin(origin, left), (text) => isGoneThere(text) || isGoneHere(text));
    if (problem !== undefined) yield `of ${origin}: ${problem}`;
  }
}

function pkOf({ world }: Evidence, { alias, partition }: Place): string {
  return partitionKey(homeOf(world, alias)?.topicId ?? '', partition);
}

function storedAt(evidence: Evidence, place: Place): readonly SeenRecord[] {
  return [...(evidence.seen.get(place.alias)?.get(pkOf(evidence, place))?.records.values() ?? [])];
}

function leftAt(evidence: Evidence, place: Place): readonly SeenRecord[] {
  return [...(evidence.left.get(place.alias)?.get(pkOf(evidence, place))?.records.values() ?? [])];
}

/** Whether a record stands below where the log begins in the end. */
function trimmedAt(evidence: Evidence, place: Place): (text: string) => boolean {
  const { series } = evidence.starts.get(place.alias)?.get(pkOf(evidence, place)) ?? {};
  const start = series?.at(Number.POSITIVE_INFINITY) ?? 0;
  const trimmed = storedAt(evidence, place).filter(({ offset }) => offset < start);
  const texts = new Set(trimmed.map(({ text }) => text));
  return (text) => texts.has(text);
}

/** While a region is lost those that relay it agree on what they have of it: nobody keeps for himself what has come over. */
export function* checkRelayed(
  world: RegionsWorld,
  { lost, survivors }: { readonly lost: string; readonly survivors: readonly string[] },
): Generator<string> {
  const counts = survivors.map((alias) => homeOf(world, alias)?.partitionCount ?? 0);
  const seen = survivors.map((alias) => seenIn(world.region(alias).storage, world.codecs));
  for (let partition = 0; partition < Math.min(...counts); partition += 1) {
    const found = survivors.map((alias, i) => {
      const pk = partitionKey(homeOf(world, alias)?.topicId ?? '', partition);
      return ofOrigin(lost, [...(seen[i]?.get(pk)?.records.values() ?? [])]);
    });
    for (const [i, texts] of found.entries()) {
      const problem = difference(found[0] ?? [], texts);
      if (problem !== undefined)
        yield `${survivors[i]}/${partition}: of ${lost}, which is lost: ${problem} as in ${survivors[0]}`;
    }
  }
}

function ofOrigin(origin: string, records: readonly { readonly text: string }[]): string[] {
  return records.map(({ text }) => text).filter((text) => text.startsWith(`${origin}#`));
}

function firstTwice(texts: readonly string[]): string {
  return texts.find((text, i) => texts.indexOf(text) < i) ?? '';
}

/** What was found is in the order of what is wanted, and lacks nothing but what may be missing. */
function difference(
  wanted: readonly string[],
  found: readonly string[],
  mayBeMissing: (text: string) => boolean = () => false,
): string | undefined {
  let at = 0;
  for (const text of wanted) {
    if (found[at] === text) at += 1;
    else if (!mayBeMissing(text)) return `record ${at} is ${found[at]}, not ${text}`;
  }
  return at < found.length ? `${found[at]} is too much` : undefined;
}
