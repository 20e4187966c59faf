import { readBehind } from '../group/offsets/read-behind.ts';
import type { Groups, TakenPosition } from '../groups.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Codecs } from '../record/index.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import { Meter } from '../storage/meter.ts';
import type { Random } from '../storage/random.ts';
import { hasWork, RECOMMIT_MS } from './has-work.ts';
import type { KafkaEvent } from './kafka-event.ts';
import { parseNote } from './progress-note.ts';
import { type OwnedPlace, type PushMember, pushMember } from './push-member.ts';
import { pushPartition } from './push-partition.ts';
import type { InvokeAnswer, PartitionPushParts, PushCounts } from './push-parts.ts';
import type { PushSettings } from './push-settings.ts';
import { pushSource } from './push-source.ts';
import { slots } from './slots.ts';

export interface PushRunParts {
  readonly log: Log;
  readonly groups: Groups;
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly random: Random;
  /** Never throws. */
  readonly invoke: (event: KafkaEvent) => Promise<InvokeAnswer>;
  /** Stores one dead letter; throws if that is not certain. */
  readonly bury: (letter: string) => Promise<void>;
  readonly onFault: (cause: unknown, doing: string) => void;
}

/** On `Clock.monotonicMs`. */
export interface PushRunTime {
  /** No call of the function is begun after it. */
  readonly lastCallMs: number;
  /** Calls that are under way are waited for until then. */
  readonly deadlineMs: number;
}

export interface PushReport extends Readonly<PushCounts> {
  /** False: there was nothing to be sent, and the group was not joined. */
  readonly joined: boolean;
}

interface Running {
  readonly stop: AbortController;
  isQuiet: boolean;
}

const TICK_MS = 100;
const EMPTY_MS = 12_000;
const STARTS_AT_ONCE = 16;
const FETCH_BYTES_ALL = 134_217_728;
const FETCH_BYTES_MIN = 65_536;

/**
 * One run: joins the group if there is anything to be sent, sends it, waits a while for more, and leaves. Any number of
 * runs at once share the partitions as any members of a group do.
 */
export async function runPush(
  parts: PushRunParts,
  settings: PushSettings,
  time: PushRunTime,
): Promise<PushReport> {
  const counts: PushCounts = { calls: 0, failures: 0, records: 0, deadLetters: 0, moved: 0, faults: 0 };
  const newCall = (): Call => ({
    meter: new Meter(),
    deadlineMs: Math.min(time.deadlineMs, parts.clock.monotonicMs() + LIMITS.requestMsDefault),
  });
  if (!(await hasWork(parts, settings, parts.clock.wallMs(), newCall()))) return { ...counts, joined: false };
  await new PushRun(parts, settings, time, counts, newCall).run();
  return { ...counts, joined: true };
}

class PushRun {
  readonly #parts: PushRunParts;
  readonly #settings: PushSettings;
  readonly #time: PushRunTime;
  readonly #counts: PushCounts;
  readonly #newCall: () => Call;
  readonly #member: PushMember;
  readonly #slots: ReturnType<typeof slots>;
  readonly #running = new Map<string, OwnedPlace & Running>();
  #isEnding = false;
  #beatMs = Number.NEGATIVE_INFINITY;
  #activeMs: number;
  #seenRecords = 0;

  constructor(
    parts: PushRunParts,
    settings: PushSettings,
    time: PushRunTime,
    counts: PushCounts,
    newCall: () => Call,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#time = time;
    this.#counts = counts;
    this.#newCall = newCall;
    this.#slots = slots(settings.parallelPartitions);
    this.#activeMs = parts.clock.monotonicMs();
    this.#member = pushMember(parts.groups, {
      groupId: settings.group,
      memberId: parts.random.uuid(),
      topics: settings.topics,
      clientId: 'millrace-push',
    });
  }

  /** One turn after another: a heartbeat when it is time, what it says, and whether it is over. */
  async run(): Promise<void> {
    const { clock } = this.#parts;
    try {
      while (clock.monotonicMs() < this.#time.deadlineMs) {
        if (clock.monotonicMs() >= this.#beatMs) await this.#beat();
        this.#isEnding ||= this.#isOver();
        if (this.#isEnding) {
          for (const { stop } of this.#running.values()) stop.abort();
          if (this.#running.size === 0) return;
        }
        await clock.sleep(TICK_MS);
      }
    } finally {
      for (const { stop } of this.#running.values()) stop.abort();
      // Whoever does not leave is missed after its session.
      await this.#member
        .leave(this.#newCall())
        .catch((error: unknown) => this.#fault(error, 'leaving failed'));
    }
  }

  async #beat(): Promise<void> {
    const { clock } = this.#parts;
    try {
      const isMember = await this.#member.beat([...this.#running.values()], this.#newCall());
      // What is running finds itself fenced; the next run begins with a member of its own.
      if (!isMember) this.#isEnding = true;
      this.#beatMs = clock.monotonicMs() + this.#member.intervalMs;
      await this.#follow();
    } catch (error) {
      this.#fault(error, 'a heartbeat failed; it is tried again');
      this.#beatMs = clock.monotonicMs() + 1_000;
    }
  }

  /** Gives up what the member is not to own any more, and takes over what it is to own besides. */
  async #follow(): Promise<void> {
    const assigned = new Map(this.#member.assigned.map((place) => [keyOf(place), place]));
    for (const [key, { stop }] of this.#running) if (!assigned.has(key)) stop.abort();
    if (this.#isEnding) return;
    const added = [...assigned].filter(([key]) => !this.#running.has(key)).map(([, place]) => place);
    if (added.length === 0) return;
    const taken = await this.#member.takeOver(added, this.#newCall());
    const limited = slots(STARTS_AT_ONCE);
    await Promise.all(
      taken.map(async (position, index) => {
        const place = added[index];
        if (place === undefined || position.error !== undefined) return;
        await limited.run(() => this.#start(place, position, assigned.size));
      }),
    );
    // What was not given is asked for again soon.
    if (taken.some(({ error }) => error !== undefined)) this.#beatSoon();
  }

  async #start(place: OwnedPlace, { committed }: TakenPosition, partitionCount: number): Promise<void> {
    const { clock, log } = this.#parts;
    const at = this.#settings.startingPosition;
    const where = { topic: place.topic, topicId: place.topicId, partition: place.partition };
    const offset = committed?.offset ?? (await log.listOffsets({ ...where, at }, this.#newCall())).offset;
    const isOld = committed !== undefined && clock.wallMs() - committed.committedMs > RECOMMIT_MS;
    if (isOld || (committed === undefined && at === 'latest')) {
      const { metadata = '', vector } = committed ?? {};
      const position = { offset, metadata, ...(vector === undefined ? {} : { vector }) };
      if (!(await this.#member.commit(where, position, this.#newCall()))) return;
    }
    const running: OwnedPlace & Running = { ...place, stop: new AbortController(), isQuiet: false };
    this.#running.set(keyOf(place), running);
    const { batchSize, batchBytes } = this.#settings;
    const share = Math.floor(FETCH_BYTES_ALL / partitionCount);
    const fetchBytes = Math.min(LIMITS.fetchBytesDefault, Math.max(FETCH_BYTES_MIN, share));
    const push = {
      place: where,
      source: pushSource(this.#parts, {
        ...{ place: where, offset, batchSize, batchBytes, fetchBytes },
        behind: readBehind(committed?.vector, offset),
      }),
      note: committed === undefined ? undefined : parseNote(committed.metadata),
      stop: running.stop.signal,
      onQuiet: (isQuiet: boolean) => {
        running.isQuiet = isQuiet;
      },
    };
    pushPartition(this.#partsFor(place), push)
      .catch((error: unknown) => {
        // A bug: whoever takes the partition next begins at the last commit.
        this.#fault(error, `pushing ${place.topic}-${place.partition} ended`);
        this.#isEnding = true;
      })
      .finally(() => {
        this.#running.delete(keyOf(place));
        this.#beatSoon();
      });
  }

  #partsFor({ topic, topicId, partition }: OwnedPlace): PartitionPushParts {
    const { clock, random, invoke, bury, onFault } = this.#parts;
    return {
      ...{ clock, random, invoke, bury, onFault },
      settings: this.#settings,
      slots: this.#slots,
      counts: this.#counts,
      newCall: this.#newCall,
      commit: (position) => this.#member.commit({ topic, topicId, partition }, position, this.#newCall()),
    };
  }

  /** A partition more that was given up is to be told soon, so that its next owner need not wait. */
  #beatSoon(): void {
    if (!this.#isEnding) this.#beatMs = Math.min(this.#beatMs, this.#parts.clock.monotonicMs());
  }

  /** Its time is up, or all is sent and nothing has come for a while. */
  #isOver(): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs >= this.#time.lastCallMs) return true;
    const { records, deadLetters } = this.#counts;
    const all = [...this.#running.values()];
    if (records + deadLetters !== this.#seenRecords || all.some(({ isQuiet }) => !isQuiet)) {
      this.#seenRecords = records + deadLetters;
      this.#activeMs = nowMs;
      return false;
    }
    const lingerMs = this.#seenRecords === 0 ? 0 : this.#settings.lingerSeconds * 1_000;
    // A member that has nothing gets something once its neighbours have given it up, or have been missed.
    if (all.length === 0) return nowMs - this.#activeMs >= Math.max(lingerMs, EMPTY_MS);
    return nowMs - this.#activeMs >= lingerMs;
  }

  #fault(error: unknown, doing: string): void {
    this.#counts.faults += 1;
    this.#parts.onFault(error, doing);
  }
}

function keyOf({ topicId, partition }: OwnedPlace): string {
  return `${topicId}:${partition}`;
}
