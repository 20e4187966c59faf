import { LIMITS } from '../../lib/limits.ts';
import type { KnownProducer } from '../../lib/producer/producers.ts';
import { producersKey } from '../../lib/producer/snapshot.ts';
import { decodeProducers } from '../../lib/producer/snapshot-bytes.ts';
import type { Codecs } from '../../lib/record/codecs.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import type { Item } from '../../lib/storage/table.ts';
import { type ProducerLog, producerLog } from './check-producers.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';
import { isDeleting, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** Storage's dates are whole seconds. */
const ROUNDING_MS = 1_000;

/**
 * I4 behind the scenes: a snapshot of a partition's producers holds what the log below its offset says of them, never
 * what is only on its way there; it moves forward; and it holds all that has been sealed.
 */
export function checkSnapshots(storage: Storage, truth: Truth, codecs: Codecs): Violation[] {
  const logs = new Map([...truth.partitions].map(([pk, partition]) => [pk, producerLog(partition)]));
  const offsets = new Map<string, number>();
  const found: Violation[] = [];
  for (const change of storage.catalog.changes) {
    const { key, atMs, by } = change;
    const isSnapshot = key.pk.startsWith(PRODUCERS);
    const pk = isSnapshot ? key.pk.slice(PRODUCERS.length) : key.pk;
    const log = logs.get(pk);
    if (log === undefined || isDeleting(truth, pk, atMs)) continue;
    const before = { log, held: offsets.get(pk) ?? 0 };
    let problem: string | undefined;
    if (isSnapshot) {
      const told = change.item && contentOf(change.item, storage, codecs);
      problem = snapshotProblem(change, { ...before, end: truth.partitions.get(pk)?.endAt(atMs) ?? 0, told });
      offsets.set(pk, Math.max(before.held, offsetOf(change.item)));
    } else if (key.sk.startsWith(SEGMENT_PREFIX)) problem = sealingProblem(change, before);
    if (problem === undefined) continue;
    found.push({ invariant: 'I4', message: `${by} ${problem}`, atMs, where: pk, offset: before.held });
  }
  return found;
}

/** Up to where a snapshot holds. */
function offsetOf(item: Item<string> | undefined): number {
  return item === undefined ? 0 : Number(item.attributes.s);
}

const PRODUCERS = producersKey('');

interface Before {
  readonly log: ProducerLog;
  /** The offset of the snapshot that stands. */
  readonly held: number;
}

function sealingProblem({ item }: Change<string>, { log, held }: Before): string | undefined {
  if (item === undefined) return undefined;
  const { endOffset } = segmentFromItem(item);
  const unheld = log.find(({ baseOffset }) => baseOffset >= held && baseOffset < endOffset);
  return unheld && `sealed a producer's batch at ${unheld.baseOffset}, which no snapshot holds`;
}

function snapshotProblem(
  { item, atMs }: Change<string>,
  { log, held, end, told }: Before & { readonly end: number; readonly told: Told | undefined },
): string | undefined {
  if (item === undefined) return 'removed the snapshot of the producers';
  const offset = offsetOf(item);
  if (offset < held) return `put the snapshot back from ${held} to ${offset}`;
  if (offset > end) return `put a snapshot up to ${offset}, and the log ended at ${end}`;
  const wrong = told && differenceOf(told, { log, offset, atMs });
  return wrong && `put a snapshot up to ${offset} in which ${wrong}`;
}

type Told = ReadonlyMap<number, KnownProducer>;

function contentOf({ attributes }: Item<string>, storage: Storage, codecs: Codecs): Told | undefined {
  const { b: inline, o: place } = attributes;
  const key = Array.isArray(place) ? String(place[0]) : '';
  const bytes = inline instanceof Uint8Array ? inline : storage.bucket.everStored(key);
  return bytes && decodeProducers(codecs, bytes);
}

function differenceOf(
  told: Told,
  at: { readonly log: ProducerLog; readonly offset: number; readonly atMs: number },
): string | undefined {
  const below = at.log.filter(({ baseOffset }) => baseOffset < at.offset);
  const byProducer = Map.groupBy(below, ({ producerId }) => producerId);
  const unknown = [...told.keys()].find((producerId) => !byProducer.has(producerId));
  if (unknown !== undefined) return `producer ${unknown} stands, who has stored nothing`;
  for (const [producerId, batches] of byProducer) {
    const expected = keptOf(batches);
    const kept = told.get(producerId)?.batches ?? [];
    const forgotten = expected.slice(0, expected.length - kept.length);
    const isOld = forgotten.every(({ atMs }) => atMs <= at.atMs - LIMITS.producerLifeMs + ROUNDING_MS);
    if (!isOld) return `the last batches of producer ${producerId} are missing`;
    const isSame = kept.every(({ baseOffset, firstSequence }, index) => {
      const own = expected[forgotten.length + index];
      return own?.baseOffset === baseOffset && own.baseSequence === firstSequence;
    });
    if (!isSame || kept.length > expected.length)
      return `producer ${producerId} has other batches than the log`;
  }
  return undefined;
}

/** The last batches of the epoch it is in, as far as they count. */
function keptOf(batches: ProducerLog): ProducerLog {
  const epoch = batches.at(-1)?.producerEpoch;
  const begin = batches.findLastIndex(({ producerEpoch }) => producerEpoch !== epoch) + 1;
  return batches.slice(begin).slice(-LIMITS.producerBatchesKept);
}
