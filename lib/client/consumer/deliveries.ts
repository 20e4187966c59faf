import type { PartitionPlace } from '../../log.ts';
import type { Codecs } from '../../record/codecs.ts';
import { type ConsumedRecord, recordsOf } from './consumed-record.ts';
import { type HeldPartition, moveTo, type Position, placeKey } from './held-partition.ts';

/** Records of one partition, in order. */
export interface ConsumedBatch {
  readonly topic: string;
  readonly partition: number;
  /** At least one. */
  readonly records: readonly ConsumedRecord[];
  /** The partition's end when these were fetched. */
  readonly highWatermark: number;
}

/** The partitions a consumer holds, and what of them is in the hands of its loop. */
export interface Deliveries {
  add(held: HeldPartition): void;
  /** What the loop has in hand of it is nobody's concern any more. */
  release(held: HeldPartition): void;
  get(place: PartitionPlace): HeldPartition | undefined;
  all(): readonly HeldPartition[];
  takeRecord(): ConsumedRecord | undefined;
  takeBatch(recordsMax: number): ConsumedBatch | undefined;
  /** The loop is done with what it was given. */
  finish(): void;
  /** The loop was left in the middle of what it was given. */
  leave(): void;
  /** ⚑ Another loop begins: what the last one was left in the middle of comes again, unless it was committed since. */
  takeBack(): void;
  /** What the loop works on at this moment. */
  inHand(): HeldPartition | undefined;
}

export function createDeliveries(codecs: Codecs): Deliveries {
  const held = new Map<string, HeldPartition>();
  let order: HeldPartition[] = [];
  let cursor = 0;
  let current: HeldPartition | undefined;
  let given:
    | { readonly held: HeldPartition; readonly era: number; readonly before: Position; isLeft: boolean }
    | undefined;

  /** One after another, so that a busy partition does not starve the others; a batch that was begun is finished first. */
  const nextReadable = (): HeldPartition | undefined => {
    if (current?.open !== undefined && isOpen(current)) return current;
    for (let step = 0; step < order.length; step += 1) {
      const candidate = order[(cursor + step) % order.length];
      if (candidate === undefined || !isOpen(candidate) || !openNext(codecs, candidate)) continue;
      cursor = (cursor + step + 1) % order.length;
      current = candidate;
      return candidate;
    }
    return undefined;
  };

  const give = (from: HeldPartition): void => {
    given = { held: from, era: from.era, before: from.position, isLeft: false };
  };

  return {
    add: (one) => {
      held.set(placeKey(one.place), one);
      order = [...held.values()];
    },
    release: (one) => {
      one.isReleased = true;
      one.interrupt.abort();
      one.bell.ring();
      if (held.get(placeKey(one.place)) === one) held.delete(placeKey(one.place));
      order = [...held.values()];
      if (given?.held === one) given = undefined;
    },
    get: (place) => held.get(placeKey(place)),
    all: () => order,
    takeRecord: () => {
      const from = nextReadable();
      if (from === undefined) return undefined;
      give(from);
      return takeNext(from);
    },
    takeBatch: (recordsMax) => {
      const from = nextReadable();
      if (from?.open === undefined) return undefined;
      const { topic, partition } = from.place;
      const { highWatermark } = from.open.batch;
      const records: ConsumedRecord[] = [];
      give(from);
      while (records.length < recordsMax && openNext(codecs, from)) {
        const record = takeNext(from);
        if (record !== undefined) records.push(record);
      }
      return { topic, partition, records, highWatermark };
    },
    finish: () => {
      if (given !== undefined && given.era === given.held.era) given.held.processed = given.held.position;
      given = undefined;
    },
    leave: () => {
      if (given !== undefined) given.isLeft = true;
    },
    takeBack: () => {
      if (given === undefined) return;
      const { held: from, era, before } = given;
      given = undefined;
      if (era !== from.era || from.processed.offset >= from.position.offset) return;
      moveTo(from, from.processed.offset > before.offset ? from.processed : before);
    },
    inHand: () => (given === undefined || given.isLeft ? undefined : given.held),
  };
}

const isOpen = ({ isReleased, isPaused, isWithheld }: HeldPartition): boolean =>
  !isReleased && !isPaused && !isWithheld;

/** Whether there is a next record. A batch that cannot be read stays where it is, so that it is met again. */
function openNext(codecs: Codecs, held: HeldPartition): boolean {
  for (let batch = held.fetched[0]; held.open === undefined && batch !== undefined; batch = held.fetched[0]) {
    const wanted = { ...held.place, from: held.position.offset, read: batch.read };
    const records = recordsOf(codecs, batch.bytes, wanted);
    held.fetched.shift();
    held.bell.ring();
    if (records.length > 0) held.open = { records, at: 0, batch };
    else skip(held, batch.nextOffset);
  }
  return held.open !== undefined;
}

/** Nothing of it is for the loop. If the loop has nothing in hand before it either, it is done with. */
function skip(held: HeldPartition, offset: number): void {
  const isDone = held.processed.offset === held.position.offset;
  held.position = { offset, leaderEpoch: held.position.leaderEpoch };
  if (isDone) held.processed = held.position;
}

function takeNext(held: HeldPartition): ConsumedRecord | undefined {
  const { open } = held;
  const record = open?.records[open.at];
  if (open === undefined || record === undefined) return undefined;
  const isLast = open.at === open.records.length - 1;
  const offset = isLast ? open.batch.nextOffset : record.offset + 1;
  held.position = { offset, leaderEpoch: record.leaderEpoch };
  held.open = isLast ? undefined : { ...open, at: open.at + 1 };
  return record;
}
