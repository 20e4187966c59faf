import { partitionKey } from '../../../lib/partition/chunk.ts';
import { seenIn } from './copied-truth.ts';
import type { Evidence } from './evidence.ts';
import { homeOf } from './region-clients.ts';
import type { RegionsWorld } from './regions-world.ts';

/** I9 of a topic that is written in every region: each origin's records once and in their order, everywhere. */
export function* checkMerged({ world, seen, left }: Evidence): Generator<string> {
  const { profile } = world;
  const counts = profile.aliases.map((alias) => homeOf(world, alias)?.partitionCount ?? 0);
  for (let partition = 0; partition < Math.max(...counts); partition += 1) {
    const pkIn = (alias: string): string => partitionKey(homeOf(world, alias)?.topicId ?? '', partition);
    const storedIn = (alias: string) => [...(seen.get(alias)?.get(pkIn(alias))?.records.values() ?? [])];
    const readIn = (alias: string) => [...(left.get(alias)?.get(pkIn(alias))?.records.values() ?? [])];
    for (const alias of profile.aliases) {
      const stored = storedIn(alias);
      const texts = stored.map(({ text }) => text);
      if (new Set(texts).size < texts.length)
        yield `${alias}/${partition}: ${firstTwice(texts)} is there twice`;
      for (const origin of profile.aliases) {
        const wanted = ofOrigin(origin, storedIn(origin));
        const problem =
          difference(wanted, ofOrigin(origin, stored)) ?? difference(wanted, ofOrigin(origin, readIn(alias)));
        if (problem !== undefined) yield `${alias}/${partition}: of ${origin}: ${problem}`;
      }
    }
  }
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

function difference(wanted: readonly string[], found: readonly string[]): string | undefined {
  const at = wanted.findIndex((text, i) => found[i] !== text);
  if (at >= 0) return `record ${at} is ${found[at]}, not ${wanted[at]}`;
  return wanted.length < found.length ? `${found[wanted.length]} is too much` : undefined;
}
