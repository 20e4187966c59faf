import { offsetFromItem } from '../../../lib/group/offsets/offset-item.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Change } from '../table-server.ts';
import { coveredBy, toldOf } from './covered.ts';
import type { Evidence } from './evidence.ts';
import { MOVERS } from './region-movers.ts';

/** A record at one of the places where it ever stood, or at that place in a copy. */
interface Standing extends Partition {
  readonly offset: number;
  readonly isCopy: boolean;
}

interface Partition {
  readonly alias: string;
  readonly pk: string;
}

/**
 * I11 over regions: wherever the position of the group that moves stands, and whoever has carried it there, everything
 * before it has been given to the group; and in the end everything has.
 */
export function* checkMovers(evidence: Evidence, lastAlias: string | undefined): Generator<string> {
  const wasGiven = givenIn(evidence);
  for (const [alias, { storage }] of evidence.world.regions) {
    const incarnations = incarnationsOf(storage.catalog.changes);
    for (const change of storage.catalog.changes) {
      if (change.cause === 'put' && incarnations.has(change.key.pk))
        yield* checkPosition(evidence, { alias, change, wasGiven });
    }
  }
  for (const { records } of evidence.left.get(lastAlias ?? '')?.values() ?? []) {
    for (const { text, offset } of records.values()) {
      if (!wasGiven(text)) yield `${lastAlias}: the group was never given ${nameOf(text)} at ${offset}`;
    }
  }
}

/** By then, or ever: whether the group was given a record, or need not be. */
type WasGiven = (text: string, ms?: number) => boolean;

function* checkPosition(
  evidence: Evidence,
  put: { readonly alias: string; readonly change: Change<string>; readonly wasGiven: WasGiven },
): Generator<string> {
  const { alias, change, wasGiven } = put;
  const { item, atMs, by } = change;
  const { position, topicId, topic, partition } = item === undefined ? NOWHERE : offsetFromItem(item);
  if (position === undefined) return;
  for (const text of coveredBy(evidence, { alias, topicId, partition }, position)) {
    if (wasGiven(text, atMs)) continue;
    const told = `${by} put ${toldOf(position)} of ${topic}/${partition}`;
    yield `${alias}: ${told}, and nobody was given ${nameOf(text)}`;
  }
}

const NOWHERE = { position: undefined, topicId: '', topic: '', partition: 0 };

function givenIn(evidence: Evidence): WasGiven {
  const givenMs = new Map<string, number>();
  for (const { texts, atMs } of evidence.world.deliveries) {
    for (const text of texts) givenMs.set(text, Math.min(atMs, givenMs.get(text) ?? atMs));
  }
  const mayBeGone = goneBy(evidence);
  return (text, ms = Number.POSITIVE_INFINITY) =>
    !isWritten(text) || (givenMs.get(text) ?? Number.NaN) <= ms || mayBeGone(text, ms);
}

/** By a client, not by what copies. */
function isWritten(text: string): boolean {
  return /^[a-z]#\d+#/.test(text);
}

export function nameOf(text: string): string {
  return text.split('#', 2).join('#');
}

/** pk of the group's positions, those from before it expired too. */
export function incarnationsOf(changes: readonly Change<string>[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { key, item } of changes) {
    const incarnation = key.pk === `group#${MOVERS}` && key.sk === 'group' ? item?.attributes.i : undefined;
    if (typeof incarnation === 'string') found.add(`offsets#${incarnation}`);
  }
  return found;
}

/**
 * Whether a record was, by then, not there any more in one of the regions, or not there from the beginning: trimmed, compacted
 * away, or before a copy that begins late. Who reads there passes it over as if retention had taken it.
 */
export function goneBy(evidence: Evidence): (text: string, ms: number) => boolean {
  const { seen, starts, left, world } = evidence;
  const copies = copiesOf(evidence);
  const standings = new Map<string, Standing[]>();
  for (const [alias, partitions] of seen) {
    for (const [pk, { records }] of partitions) {
      for (const { text, offset } of records.values()) {
        const here = { alias, pk, offset, isCopy: false };
        const there = (copies.get(pk) ?? []).map((copy) => ({ ...copy, offset, isCopy: true }));
        standings.set(text, [...(standings.get(text) ?? []), here, ...there]);
      }
    }
  }
  const compacts = world.profile.base.topicConfigs['cleanup.policy']?.includes('compact') === true;
  const isGone = ({ alias, pk, offset, isCopy }: Standing, ms: number): boolean =>
    (starts.get(alias)?.get(pk)?.series.at(ms) ?? 0) > offset ||
    (compacts && !isCopy && left.get(alias)?.get(pk)?.records.has(offset) !== true);
  return (text, ms) => (standings.get(text) ?? []).some((standing) => isGone(standing, ms));
}

/** Partitions that have another's offsets, by that one. */
function copiesOf({ topics }: Evidence): ReadonlyMap<string, readonly Partition[]> {
  const found = new Map<string, Partition[]>();
  for (const [alias, ofRegion] of topics) {
    for (const { topicId, partitionCount, remote } of ofRegion.values()) {
      for (let partition = 0; partition < (remote ? partitionCount : 0); partition += 1) {
        const original = partitionKey(remote?.topicId ?? '', partition);
        const copy = { alias, pk: partitionKey(topicId, partition) };
        found.set(original, [...(found.get(original) ?? []), copy]);
      }
    }
  }
  return found;
}
