import type { EngineParts } from '../../engine-parts.ts';
import { partitionKey } from '../../partition/chunk.ts';
import type { ObjectInfo } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { everyPartition, type PartitionOfAny } from './every-partition.ts';
import { placeOfObject } from './object-place.ts';
import { allReferences, catalogReferences } from './object-references.ts';
import { type Lot, loadCursor, loadLot, type SweepCursor, saveCursor } from './sweep-cursor.ts';
import { newTally, noteForeign, type SweepReport, type SweepTally } from './sweep-report.ts';

export type { SweepReport } from './sweep-report.ts';

export type SweepDependencies = Pick<
  EngineParts,
  'hot' | 'catalog' | 'bucket' | 'clock' | 'random' | 'rules'
>;

export interface SweepOptions {
  /** How long an object is left alone whatever refers to it. @default 24 h, and never less in production */
  readonly graceMs?: number;
  /** Objects that are held in memory at once. @default 100,000: some 20 MB */
  readonly lotObjectsMax?: number;
}

const GRACE_MS = 86_400_000;
const LOT_OBJECTS_MAX = 100_000;
const OBJECTS_PER_LIST = 1_000;
const KEYS_PER_DELETE = 1_000;
/** The share of the time that is left for noting where to go on. */
const LAST_SHARE = 0.2;

/**
 * Deletes the objects that nothing refers to and that storage has had for at least 24 hours, by its own clock: uploads of
 * writers that died, segments that compaction, merging or retention has replaced, spilled chunks that are sealed and over.
 *
 * ⚑ It lists first and reads the references afterwards. An object is referred to for the first time within an hour of its
 * upload, on a request that arrives at most 31 minutes after it was fenced (`LIMITS.firstReferenceAgeMsMax`); one that was
 * a day old when it was listed had its first reference, if ever, before the listing, so a reading that comes after the
 * listing finds it, unless it is gone for good. A reference moves only within one partition, from a chunk to the segment
 * that takes its object over, and the two are read in that order. So what no reading found can never be reached again,
 * and it does not matter how much later it is deleted, or by how many sweeps at once.
 *
 * Works through the bucket in lots: the keys of a lot are held, the references stream by. Where time is short the lot is
 * put aside and the next run goes on with it.
 */
export async function sweepOnce(
  deps: SweepDependencies,
  options: SweepOptions,
  call: Call,
): Promise<SweepReport> {
  const tally = newTally();
  const startedMs = deps.clock.monotonicMs();
  const workCall = { ...call, deadlineMs: call.deadlineMs - (call.deadlineMs - startedMs) * LAST_SHARE };
  let cursor = await loadCursor(deps, call);
  let lot = await loadLot(deps, cursor, call);
  for (;;) {
    lot ??= await listLot(deps, cursor, { options, tally }, workCall);
    const left = await finishLot(deps, lot, { cursor, tally }, workCall);
    const after = left === undefined ? lot.listedTo : cursor.after;
    const saved = await saveCursor(
      deps,
      cursor,
      { after, ...(left === undefined ? {} : { lot: left }) },
      call,
    );
    const isOver = left === undefined && lot.listedTo === undefined;
    if (isOver || saved === undefined || left !== undefined || isLate(deps, workCall)) {
      return { ...tally, isComplete: isOver };
    }
    cursor = saved;
    lot = undefined;
  }
}

const isLate = ({ clock }: SweepDependencies, { deadlineMs }: Call): boolean =>
  clock.monotonicMs() >= deadlineMs;

/** The next objects that are old enough, until there are enough of them or half of the time is over. */
async function listLot(
  deps: SweepDependencies,
  cursor: SweepCursor,
  { options, tally }: { readonly options: SweepOptions; readonly tally: SweepTally },
  call: Call,
): Promise<Lot> {
  const startedMs = deps.clock.monotonicMs();
  const untilMs = startedMs + (call.deadlineMs - startedMs) / 2;
  const { graceMs = GRACE_MS, lotObjectsMax = LOT_OBJECTS_MAX } = options;
  const oldMs = cursor.nowMs - (deps.rules.sweepGrace ? graceMs : 0);
  const candidates = new Map<string, number>();
  let listedTo = cursor.after;
  for (;;) {
    const range = { limit: OBJECTS_PER_LIST, ...(listedTo === undefined ? {} : { after: listedTo }) };
    const { objects, more } = await deps.bucket.list('', range, call);
    for (const object of objects)
      if (isCandidate(object, oldMs, tally)) candidates.set(object.key, object.bytes);
    listedTo = more ? objects.at(-1)?.key : undefined;
    const isEnough = candidates.size >= lotObjectsMax || deps.clock.monotonicMs() >= untilMs;
    if (isEnough || listedTo === undefined) return { stage: 'own', listedTo, candidates };
  }
}

function isCandidate({ key, modifiedMs }: ObjectInfo, oldMs: number, tally: SweepTally): boolean {
  tally.listedCount += 1;
  if (placeOfObject(key).kind === 'foreign') {
    noteForeign(tally, key);
    return false;
  }
  const isYoung = modifiedMs > oldMs;
  if (isYoung) tally.kept.young += 1;
  return !isYoung;
}

/** Reads the references of a lot and deletes what is left of it. Answers what was not done in time. */
async function finishLot(
  deps: SweepDependencies,
  lot: Lot,
  { cursor, tally }: { readonly cursor: SweepCursor; readonly tally: SweepTally },
  call: Call,
): Promise<Lot | undefined> {
  const candidates = new Map(lot.candidates);
  const { listedTo } = lot;
  const work = { candidates, cursor, tally };
  const cutOff = (stage: Lot['stage'], donePk?: string): Lot => ({
    stage,
    ...(donePk === undefined ? {} : { donePk }),
    listedTo,
    candidates,
  });
  if (lot.stage === 'own') {
    const stopped = await readOwn(deps, work, lot.donePk, call);
    if (stopped !== undefined) return cutOff('own', stopped.donePk);
  }
  if (lot.stage !== 'delete') {
    const stopped = await readShared(deps, work, lot.stage === 'shared' ? lot.donePk : undefined, call);
    if (stopped !== undefined) return cutOff('shared', stopped.donePk);
  }
  return (await deleteAll(deps, work, call)) ? undefined : cutOff('delete');
}

interface Work {
  /** Shrinks as references are found. */
  readonly candidates: Map<string, number>;
  readonly cursor: SweepCursor;
  readonly tally: SweepTally;
}

/** The time was over behind this partition. */
interface Stopped {
  readonly donePk?: string;
}

/** Objects that only their own partition can refer to: its catalog items are read. */
async function readOwn(
  deps: SweepDependencies,
  work: Work,
  donePk: string | undefined,
  call: Call,
): Promise<Stopped | undefined> {
  const partitions = [...keysByPartition(work.candidates).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const waiting = partitions.filter(([pk]) => donePk === undefined || pk > donePk);
  let done = donePk;
  for (const [pk, keys] of waiting) {
    const read = await reading(deps, work, { pk, atRisk: keys }, call, (refer) =>
      catalogReferences(deps, pk, refer, call),
    );
    if (!read) return done === undefined ? {} : { donePk: done };
    done = pk;
  }
  return undefined;
}

function keysByPartition(candidates: ReadonlyMap<string, number>): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const key of candidates.keys()) {
    const place = placeOfObject(key);
    if (place.kind !== 'partition') continue;
    const known = keys.get(place.pk);
    if (known === undefined) keys.set(place.pk, [key]);
    else known.push(key);
  }
  return keys;
}

/** Uploads that chunks of any partition may lie in: everything that may refer to one is read. */
async function readShared(
  deps: SweepDependencies,
  work: Work,
  donePk: string | undefined,
  call: Call,
): Promise<Stopped | undefined> {
  const shared = [...work.candidates.keys()].filter((key) => placeOfObject(key).kind === 'shared');
  if (shared.length === 0) return undefined;
  let done = donePk;
  const { nowMs } = work.cursor;
  for (const { topicId, partition } of behind(await everyPartition(deps.catalog, call), donePk)) {
    if (!shared.some((key) => work.candidates.has(key))) return undefined;
    const pk = partitionKey(topicId, partition);
    const read = await reading(deps, work, { pk, atRisk: shared }, call, (refer) =>
      allReferences(deps, { pk, nowMs }, refer, call),
    );
    if (!read) return done === undefined ? {} : { donePk: done };
    done = pk;
  }
  return undefined;
}

function* behind(
  partitions: Iterable<PartitionOfAny>,
  donePk: string | undefined,
): Generator<PartitionOfAny> {
  const [topicId = '', partition = '-1'] = donePk?.split(':') ?? [];
  for (const place of partitions) {
    const isBehind =
      place.topicId > topicId || (place.topicId === topicId && place.partition > Number(partition));
    if (isBehind) yield place;
  }
}

/** False if the time was over. ⚑ What cannot be read may refer to anything: then nothing that it might is deleted. */
async function reading(
  deps: SweepDependencies,
  { candidates, tally }: Work,
  { pk, atRisk }: { readonly pk: string; readonly atRisk: readonly string[] },
  call: Call,
  read: (refer: (text: string) => void) => Promise<void>,
): Promise<boolean> {
  if (isLate(deps, call)) return false;
  try {
    await read((text) => {
      if (candidates.delete(text)) tally.kept.referenced += 1;
    });
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    if (fault.kind !== 'damaged' && fault.kind !== 'refused') return false;
    tally.failures.push({ partition: pk, reason: fault.message });
    for (const key of atRisk) if (candidates.delete(key)) tally.kept.unsure += 1;
  }
  return true;
}

/** False if the time was over. */
async function deleteAll(
  deps: SweepDependencies,
  { candidates, cursor, tally }: Work,
  call: Call,
): Promise<boolean> {
  // The lot's own note goes when the cursor has moved on.
  if (cursor.saved !== undefined) candidates.delete(cursor.saved.objectKey);
  const waiting = [...candidates];
  for (let at = 0; at < waiting.length; at += KEYS_PER_DELETE) {
    if (isLate(deps, call)) return false;
    const some = waiting.slice(at, at + KEYS_PER_DELETE);
    await deps.bucket.delete(
      some.map(([key]) => key),
      call,
    );
    for (const [key, bytes] of some) {
      candidates.delete(key);
      tally.deletedCount += 1;
      tally.deletedBytes += bytes;
    }
  }
  return true;
}
