import { chunkFromItem } from '../../../lib/partition/chunk.ts';
import { MINUTE_MS } from '../durations.ts';
import type { Change } from '../table-server.ts';
import type { Evidence } from './evidence.ts';
import type { RegionsWorld, Told } from './regions-world.ts';

/** A minute, and what was under way; where nothing is slow. */
const PAUSE_MS = MINUTE_MS + 15_000;

/** What was told to take no records has taken none: a frozen region from anybody, a flow that is paused from its replicators. */
export function* checkHalts({ world }: Evidence): Generator<string> {
  for (const [alias, { storage }] of world.regions) {
    for (const change of storage.hot.changes) {
      if (!isAppend(change)) continue;
      const told = `${change.by} stored ${change.key.pk} ${change.key.sk}`;
      const frozen = world.freezes.find((freeze) => freeze.alias === alias && isDuring(freeze, change));
      if (frozen !== undefined) yield `${told} in ${alias}, which is frozen`;
      yield* checkHalt(world, change, told);
    }
  }
}

function isAppend({ cause, item, before }: Change<number>): boolean {
  if (cause !== 'put' || item === undefined || before !== undefined) return false;
  return chunkFromItem(item).body.kind !== 'closed';
}

function isDuring({ fromMs, toMs }: Told, { atMs }: { readonly atMs: number }): boolean {
  return atMs > fromMs && atMs < toMs;
}

/** ⚑ Whoever begins after the answer knows; others may take a minute, and those that sleep as long as they sleep. */
function* checkHalt(world: RegionsWorld, change: Change<number>, told: string): Generator<string> {
  const replicator = world.replicators.get(change.by);
  if (replicator === undefined) return;
  const { target, source, startedMs, isDisturbed } = replicator;
  for (const halt of world.halts) {
    if (halt.alias !== target || halt.source !== source || !isDuring(halt, change)) continue;
    if (startedMs >= halt.fromMs) yield `${told} of a flow that was halted when it began`;
    if (!isDisturbed() && change.atMs > halt.fromMs + PAUSE_MS) yield `${told} of a flow halted a minute ago`;
  }
}
