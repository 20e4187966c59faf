import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { Meter } from '../storage/meter.ts';
import { bothCopiers } from './both-copiers.ts';
import { type CopyLoop, copyLoop } from './copy-loop.ts';
import { createErrands, type Errands } from './errands.ts';
import type { ErrandContext, FlowRun, FlowRunEnd, FlowRunParts, FlowRunTime, FlowShare } from './flow-run.ts';
import type { Flow } from './flows/flow-item.ts';
import { changeFlow, readFlow } from './flows/flow-store.ts';
import { type Looked, NEVER_LOOKED } from './flows/status-item.ts';
import { HEARTBEATS_TOPIC, originalTopicName } from './flows/topic-names.ts';
import { giveUpLease, LEASE_MS, LEASE_RENEWAL_MS, type Lease, renewLease } from './lease.ts';
import { type Notes, positionsIn } from './notes.ts';
import { restingPlaces } from './resting.ts';
import type { SourceRegion } from './source-region.ts';
import { lookAtEnds, noteOf, progressOfNote } from './take-note.ts';
import { SourceListFault, type SyncedTopics, syncTopics } from './topics/sync-topics.ts';

const COPIES_AT_ONCE = 8;
/** What a step may take before it counts as failed; the next one finds out what became of it. */
export const STEP_MS = 10_000;
/** Kept for the last note and for giving the lease up. */
export const LAST_MS = 2_000;
const TICK_MS = 100;
/** How old what is known of the topics may be, and whether the flow is still to run. */
const SYNC_MS = 60_000;
const NOTE_MS = 10_000;
const FIRST_NOTE_MS = 1_000;
const AGAIN_MS_MIN = 1_000;
const AGAIN_MS_MAX = 30_000;

/** A call that is over after `ms`, or at the deadline. */
export function newCall({ clock }: Pick<EngineParts, 'clock'>, deadlineMs: number, ms: number): Call {
  return { meter: new Meter(), deadlineMs: Math.min(deadlineMs, clock.monotonicMs() + ms) };
}

/** What a run has got hold of before it begins. */
export interface RunSubject {
  readonly flow: Flow;
  readonly region: SourceRegion;
  readonly lease: Lease;
  readonly notes: Notes;
  readonly time: FlowRunTime;
  readonly share: FlowShare;
}

/** One run of a flow, from where its lease is held to where it is given up. */
export class Run {
  readonly #parts: FlowRunParts;
  readonly #subject: RunSubject;
  readonly #loop: CopyLoop;
  readonly #workEndMs: number;
  readonly #startedMs: number;
  #flow: Flow;
  #lease: Lease;
  #renewedMs: number;
  #renewMs: number;
  #topics: SyncedTopics | undefined;
  #isListed = false;
  #syncMs = Number.NEGATIVE_INFINITY;
  #syncFailures = 0;
  #syncFault = '';
  #noteMs: number;
  readonly #errands: Errands;
  #looked: Looked = NEVER_LOOKED;
  #isResting = false;

  constructor(parts: FlowRunParts, subject: RunSubject) {
    this.#parts = parts;
    this.#subject = subject;
    this.#flow = subject.flow;
    this.#lease = subject.lease;
    const { target, openCopier = bothCopiers, copiesAtOnce = COPIES_AT_ONCE, onFault } = parts;
    const nowMs = target.clock.monotonicMs();
    this.#startedMs = nowMs;
    this.#renewedMs = nowMs;
    this.#renewMs = nowMs + LEASE_RENEWAL_MS;
    this.#noteMs = nowMs + FIRST_NOTE_MS;
    this.#workEndMs = subject.time.deadlineMs - LAST_MS;
    this.#errands = createErrands(subject.share.index === 0 ? (parts.errands ?? []) : [], onFault);
    this.#loop = copyLoop({
      source: subject.region.parts,
      clock: target.clock,
      copierOf: openCopier({ target, source: subject.region.parts }, subject.region.alias),
      share: subject.share,
      copiesAtOnce,
      isHeartbeats: (topic) => originalTopicName(topic, subject.flow.separator) === HEARTBEATS_TOPIC,
      ...(target.rules.positionFromTail ? {} : { notedPosition: positionsIn(subject.notes.last) }),
      newCall: () => this.#newCall(STEP_MS),
      onFault,
    });
  }

  async run(): Promise<FlowRun> {
    const over = new AbortController();
    const copying = this.#loop.run(over.signal);
    try {
      const ended = await this.#turns();
      over.abort();
      await Promise.all([copying, this.#errands.current]);
      if (ended !== 'held' && ended !== 'noFlow') await this.#try('noting', () => this.#note(LAST_MS));
      const { records, bytes, gaps } = this.#loop.copied;
      const progress = progressOfNote(this.#subject.notes.last);
      const counted = { ended, copiedRecords: records, copiedBytes: bytes, gaps };
      return progress === undefined ? counted : { ...counted, progress };
    } finally {
      over.abort();
      await this.#try('giving the lease up', () =>
        giveUpLease(this.#parts.target, this.#lease, this.#lastCall()),
      );
    }
  }

  /** Until the run is over; says why. */
  async #turns(): Promise<FlowRunEnd> {
    const { clock } = this.#parts.target;
    const { time } = this.#subject;
    for (;;) {
      if (time.signal?.aborted === true) return 'stopped';
      if (clock.monotonicMs() >= this.#workEndMs) return 'deadline';
      const ended = (await this.#renewIfDue()) ?? (await this.#syncIfDue()) ?? this.#isOver();
      if (ended !== undefined) return ended;
      if (clock.monotonicMs() >= this.#noteMs) {
        await this.#try('noting', () => this.#note(STEP_MS));
        this.#noteMs = clock.monotonicMs() + NOTE_MS;
      }
      this.#goOnErrands();
      const leftMs = Math.max(1, this.#workEndMs - clock.monotonicMs());
      await clock.sleep(Math.min(TICK_MS, leftMs), time.signal).catch(() => undefined);
    }
  }

  async #renewIfDue(): Promise<FlowRunEnd | undefined> {
    const { target } = this.#parts;
    const nowMs = target.clock.monotonicMs();
    if (nowMs < this.#renewMs) return undefined;
    let renewed: Lease | undefined;
    let ended: FlowRunEnd | undefined;
    const answered = await this.#try('renewing the lease', async () => {
      renewed = await renewLease(target, this.#lease, this.#newCall(STEP_MS));
      // Whoever ends a flow, and promotes what it has copied, waits for its lease.
      if (renewed !== undefined) ended = await this.#lookAtFlow(this.#newCall(STEP_MS));
    });
    if (answered && renewed === undefined) return 'held';
    if (renewed !== undefined) {
      this.#lease = renewed;
      this.#renewedMs = nowMs;
    }
    this.#renewMs = target.clock.monotonicMs() + (answered ? LEASE_RENEWAL_MS : AGAIN_MS_MIN);
    if (ended !== undefined) return ended;
    return target.clock.monotonicMs() - this.#renewedMs > LEASE_MS ? 'held' : undefined;
  }

  async #lookAtFlow(call: Call): Promise<FlowRunEnd | undefined> {
    const { flow } = await readFlow(this.#parts.target, this.#flow.source, call);
    if (flow === undefined || flow.state === 'deleted' || flow.id !== this.#flow.id) return 'noFlow';
    if (flow.state === 'paused') return 'paused';
    // What is changed about a flow is followed at once.
    if (flow.version !== this.#flow.version) this.#syncMs = Number.NEGATIVE_INFINITY;
    this.#flow = flow;
    return undefined;
  }

  async #syncIfDue(): Promise<FlowRunEnd | undefined> {
    const { target } = this.#parts;
    if (target.clock.monotonicMs() < this.#syncMs) return undefined;
    let ended: FlowRunEnd | undefined;
    const isDone = await this.#try('following the topics', async () => {
      ended = await this.#sync();
    });
    this.#isListed = isDone;
    this.#syncFailures = isDone ? 0 : this.#syncFailures + 1;
    const againMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** Math.min(this.#syncFailures - 1, 10));
    this.#syncMs = target.clock.monotonicMs() + (isDone ? SYNC_MS : againMs);
    return ended;
  }

  async #sync(): Promise<FlowRunEnd | undefined> {
    const { target, region } = this.#parts;
    const call = this.#newCall(LIMITS.requestMsDefault);
    const ended = await this.#lookAtFlow(call);
    if (ended !== undefined) return ended;
    const flow = this.#flow;
    const topics = await syncTopics({ target, region, source: this.#subject.region }, flow, call);
    this.#follow(topics);
    if (!flow.hasBegun) {
      const begun = (now: Flow): Flow => (now.id === flow.id ? { ...now, hasBegun: true } : now);
      this.#flow = await changeFlow(target, flow.source, begun, call);
    }
    return undefined;
  }

  #follow(topics: SyncedTopics): void {
    const nowMs = this.#nowMs();
    const { looked, isResting, restingAt } = restingPlaces(this.#subject.notes.last, topics.pairs, nowMs);
    if (this.#topics === undefined) {
      this.#looked = looked;
      this.#isResting = isResting;
    } else this.#looked = { ...this.#looked, topics: looked.topics };
    this.#loop.follow(topics.pairs, topics.seen, this.#topics === undefined ? restingAt : undefined);
    this.#topics = topics;
  }

  /** By storage's clock. */
  #nowMs(): number {
    return this.#parts.target.clock.wallMs() + this.#lease.skewMs;
  }

  #isOver(): FlowRunEnd | undefined {
    const { time } = this.#subject;
    const sinceMs = this.#isListed ? this.#loop.activeMs : Math.max(this.#startedMs, this.#loop.activeMs);
    if (this.#parts.target.clock.monotonicMs() - sinceMs < time.idleMs || !this.#loop.isQuiet)
      return undefined;
    if (!this.#isListed) return 'unreachable';
    if (!this.#errands.areDone) return undefined;
    const states = this.#loop.partitions.map(({ work }) => work.state);
    return states.includes('UNREACHABLE') ? 'unreachable' : 'idle';
  }

  /** At the end only what has been noted of the sources' ends counts: there may be no time to look. */
  async #note(ms: number): Promise<void> {
    const { target } = this.#parts;
    const { notes, region, share } = this.#subject;
    const call = ms === LAST_MS ? this.#lastCall() : this.#newCall(ms);
    const { partitions } = this.#loop;
    const lookCall = { ...call, deadlineMs: target.clock.monotonicMs() + ms / 2 };
    const ends = await lookAtEnds(region.parts, partitions, lookCall);
    const looked = this.#isResting || this.#loop.isQuiet ? this.#looked : NEVER_LOOKED;
    const known = { partitions, topics: this.#topics, reason: this.#syncFault, share, looked };
    await notes.put(noteOf({ ...known, nowMs: this.#nowMs(), ends, before: notes.last }), call);
  }

  #goOnErrands(): void {
    const { pairs: topics } = this.#topics ?? {};
    if (topics === undefined) return;
    const begin = (): ErrandContext => {
      const { records, heartbeats } = this.#loop.copied;
      const copiedRecords = records - heartbeats;
      return { flow: this.#flow, source: this.#subject.region, topics, copiedRecords };
    };
    this.#errands.goOn(this.#parts.target.clock.monotonicMs(), begin, (errand, context) =>
      errand.run(context, this.#newCall(LIMITS.requestMsDefault)),
    );
  }

  /** False if storage failed, which is told; whatever is no fault of storage's is thrown. */
  async #try(doing: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (cause) {
      const isExpected =
        cause instanceof StorageFault || cause instanceof SourceListFault || cause instanceof MillraceError;
      if (!isExpected) throw cause;
      this.#parts.onFault(cause, `${doing} failed; it is tried again`);
      if (cause instanceof SourceListFault) this.#syncFault = cause.message;
      return false;
    }
  }

  #newCall(ms: number): Call {
    return newCall(this.#parts.target, this.#workEndMs, ms);
  }

  #lastCall(): Call {
    return newCall(this.#parts.target, this.#subject.time.deadlineMs, LAST_MS);
  }
}
