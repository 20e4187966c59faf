import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { producersEndAt } from '../producer/chunk-producers.ts';
import {
  createProducerTracker,
  type ProducerTracker,
  type TrackerDependencies,
} from '../producer/producer-tracker.ts';
import type { Call } from '../storage/call.ts';
import { isUnsentByFence, StorageFault } from '../storage/fault.ts';
import { Meter } from '../storage/meter.ts';
import type { PutResult } from '../storage/table.ts';
import type { WithinResult } from '../storage/within.ts';
import type { AppendEntry, AppendOutcome } from './append-entry.ts';
import { appendFences } from './append-fences.ts';
import { AppendQueue, bytesOf, type Composition, type Pending } from './append-queue.ts';
import { type AppendSettings, chunkExpirySeconds, inlineBytesMaxOf } from './append-settings.ts';
import { checkEntries } from './check-entries.ts';
import { appendVersion, type Chunk, chunkFromItem, chunkToItem } from './chunk.ts';
import { composeChunk } from './compose-chunk.ts';
import { appendError } from './faults.ts';
import {
  appendedAt,
  closedBy,
  keyedIn,
  type Outcomes,
  type Settle,
  settleAll,
  settling,
} from './outcomes.ts';
import { createPacing, type Pacing } from './pacing.ts';
import type { PartitionState } from './partition-state.ts';
import { isUploadTooOld, spill } from './spill.ts';
import type { Spooler } from './spooler.ts';
import { readTail, type Tail } from './tail.ts';
import { createTwins, type Twins } from './twins.ts';

export interface WriterDependencies extends TrackerDependencies {
  readonly spooler: Spooler;
  readonly gather?: () => Promise<void>;
}

const FENCED_IN_A_ROW_MAX = 6;
const FENCED_PAUSE_MS = 10;

/**
 * The only writer of one partition in this process. Appends that arrive while a write is in flight go into the next
 * chunk together; across processes the compare-and-set chain decides.
 */
export class PartitionWriter {
  readonly #deps: WriterDependencies;
  readonly #pk: string;
  readonly #state: PartitionState;
  readonly #pacing: Pacing;
  readonly #queue: AppendQueue;
  readonly #twins: Twins = createTwins();
  readonly #producers: ProducerTracker;
  #tail: Tail | undefined;
  #arrivals = 0;
  /** Of the entries that had arrived when the look began which showed that the log ends at the known tail. */
  #arrivalsBeforeLook = -1;
  #settings: AppendSettings;
  #fencedInARow = 0;
  #draining = false;
  constructor(deps: WriterDependencies, pk: string, state: PartitionState) {
    this.#deps = deps;
    this.#pk = pk;
    this.#state = state;
    this.#queue = new AppendQueue(deps.clock);
    this.#producers = createProducerTracker(deps, pk);
    this.#pacing = createPacing(deps.clock, deps.random);
    this.#settings = { hotRetentionMs: LIMITS.hotRetentionMsDefault, inlineBytesMax: -1 };
  }

  get isIdle(): boolean {
    return !this.#draining;
  }

  /** Never rejects: failures are outcomes. */
  append(entry: AppendEntry, settings: AppendSettings): Promise<AppendOutcome> {
    this.#settings = settings;
    const { identity } = entry;
    return identity === undefined
      ? this.#enqueue(entry)
      : this.#twins.join(identity, () => this.#enqueue(entry));
  }

  #enqueue(entry: AppendEntry): Promise<AppendOutcome> {
    if (this.#queue.isFull) {
      const message = 'Too many appends, or too many bytes of them, wait for this partition';
      const error = new MillraceError('THROTTLING_QUOTA_EXCEEDED', message);
      return Promise.resolve({ kind: 'failed', error });
    }
    return new Promise((settle) => {
      this.#arrivals += 1;
      this.#queue.add({ ...entry, settle, arrival: this.#arrivals, attempt: undefined });
      if (!this.#draining) {
        this.#draining = true;
        void this.#drain();
      }
    });
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        if (this.#deps.gather !== undefined) await this.#deps.gather();
        const composition = this.#queue.take((first) => this.#chunkBytesMax(first));
        if (composition === undefined) return;
        await this.#commit(composition);
        const pauseMs = this.#pauseMs();
        if (pauseMs > 0) await this.#deps.clock.sleep(pauseMs);
      }
    } finally {
      this.#draining = false;
    }
  }

  /** One fence that passed is time gone by; several in a row are clocks that disagree, and asking faster will not help. */
  #pauseMs(): number {
    return this.#fencedInARow > 1
      ? FENCED_PAUSE_MS * 2 ** this.#fencedInARow
      : this.#pacing.pauseMs({ moreQueued: !this.#queue.isEmpty });
  }

  /** While losing, chunks stay small and inline; one that cannot be inline anyway takes along whatever waits. */
  #chunkBytesMax(first: Pending): number {
    const inlineBytesMax = this.#inlineBytesMax();
    const staysInline = this.#pacing.isLosing && first.bytes.length <= inlineBytesMax;
    return staysInline ? inlineBytesMax : LIMITS.chunkBytesMax;
  }

  #inlineBytesMax(): number {
    return inlineBytesMaxOf(this.#deps, this.#settings);
  }

  /** Makes one attempt. Afterwards every entry is settled or waits in the queue, and nothing is ambiguous. */
  async #commit(composition: Composition): Promise<void> {
    const meter = new Meter();
    const deadlineMs = Math.max(...composition.entries.map((entry) => entry.call.deadlineMs));
    let settle: Settle | undefined;
    try {
      settle = await this.#attempt(composition, { meter, deadlineMs });
    } catch (fault) {
      settle = this.#failed(composition, fault);
    }
    // The receipt must be complete before a caller can look at it.
    const { entries } = composition;
    const bytesTotal = bytesOf(entries);
    for (const entry of entries) entry.call.meter.add(meter.usage, entry.bytes.length / bytesTotal);
    settle?.();
  }

  #failed(composition: Composition, fault: unknown): Settle | undefined {
    const nothingSent = isUnsentByFence(fault);
    if (this.#deps.rules.tailAfterAnswer || nothingSent) this.#tail = undefined;
    if (nothingSent && this.#fencedInARow < FENCED_IN_A_ROW_MAX) {
      this.#fencedInARow += 1;
      return this.#again(composition);
    }
    if (!this.#deps.rules.retryAtTail && fault instanceof StorageFault && fault.mayHaveHappened) {
      return this.#again(composition);
    }
    const error = appendError(fault);
    return settleAll(composition.entries, { kind: 'failed', error });
  }

  async #attempt(composition: Composition, call: Call): Promise<Settle | undefined> {
    // What has sequence numbers may turn out to be stored already; then it need not be uploaded.
    const isSequenced = composition.entries.some(({ sequenced }) => sequenced !== undefined);
    if (!isSequenced) await this.#spill(composition, call);
    this.#tail ??= await this.#readTail(call);
    const tail = this.#tail;
    if (tail.closed) return this.#closed(composition, tail.marker);
    if (isUploadTooOld(this.#deps, composition, tail)) {
      composition.upload = undefined;
      return this.#again(composition);
    }
    const checked = await this.#check(composition, tail, call);
    if (checked.tailIsOld) this.#tail = undefined;
    if (checked.tailIsOld || checked.settled.size > 0) return this.#without(composition, checked.settled);
    this.#defer(composition, checked.deferred);
    if (isSequenced) await this.#spill(composition, call);
    return this.#put(composition, tail, call);
  }

  #check({ entries }: Composition, tail: Tail, call: Call): ReturnType<typeof checkEntries> {
    const isFresh = ({ arrival }: Pending): boolean => arrival <= this.#arrivalsBeforeLook;
    const deps = { ...this.#deps, producers: this.#producers };
    return checkEntries(deps, { pk: this.#pk, entries, tail, isFresh }, call);
  }

  #defer(composition: Composition, deferred: ReadonlySet<Pending>): void {
    if (deferred.size === 0) return;
    this.#queue.putBackEntries([...deferred]);
    composition.entries = composition.entries.filter((entry) => !deferred.has(entry));
    composition.upload = undefined;
  }

  async #put(composition: Composition, tail: Tail, call: Call): Promise<Settle | undefined> {
    const { entries, upload } = composition;
    const chunk = this.#chunkAt(tail, composition);
    if (!this.#deps.rules.tailAfterAnswer) this.#tail = this.#behind(chunk, tail);
    const arrivals = this.#arrivals;
    const startedMs = this.#deps.clock.monotonicMs();
    const fences = appendFences(this.#deps.rules, { tail, uploaded: upload?.observation, entries });
    const options = { condition: { kind: 'ifAbsent' } as const, fences };
    const item = chunkToItem(this.#pk, chunk);
    const storeWithin = entries[0]?.storeWithin;
    const result: WithinResult<number> =
      storeWithin === undefined
        ? await this.#deps.hot.put(item, options, call)
        : await storeWithin(item, options, call);
    this.#fencedInARow = 0;
    if (result.stored === 'cancelled') return settleAll(entries, { kind: 'cancelled', cause: result.cause });
    this.#pacing.wrote({ ms: this.#deps.clock.monotonicMs() - startedMs, won: result.stored });
    this.#arrivalsBeforeLook = result.stored ? arrivals : -1;
    return result.stored ? this.#won(composition, chunk, result) : this.#lost(composition, chunk, result);
  }

  #behind(chunk: Chunk, { observation }: Pick<Tail, 'observation'>): Tail {
    const producersEnd = producersEndAt(chunk);
    return { offset: chunk.endOffset, closed: false, observation, producersEnd, origins: chunk.origins };
  }

  async #readTail(call: Call): Promise<Tail> {
    const arrivals = this.#arrivals;
    const { tail, bounds } = await readTail(this.#deps, this.#pk, this.#deps.rules, call);
    this.#arrivalsBeforeLook = arrivals;
    this.#state.learnBounds(bounds);
    return tail;
  }

  #spill(composition: Composition, call: Call): Promise<void> {
    const place = { inlineBytesMax: this.#inlineBytesMax(), tail: this.#tail };
    return spill(this.#deps.spooler, composition, place, call);
  }

  #chunkAt(tail: Tail, composition: Composition): Chunk {
    return composeChunk(composition.entries, {
      baseOffset: tail.offset,
      version: this.#deps.random.id(),
      expiresAtSeconds: chunkExpirySeconds(this.#deps, this.#settings, tail.observation),
      span: composition.upload?.span,
      producersEnd: tail.producersEnd,
      origins: tail.origins,
    });
  }

  #won(composition: Composition, chunk: Chunk, result: PutResult<number>): Settle {
    this.#tail = this.#behind(chunk, result);
    this.#producers.follow(chunk);
    const settle = settling(appendedAt(composition.entries, chunk.baseOffset));
    return () => {
      settle();
      this.#state.learnEnd(chunk.endOffset);
    };
  }

  /** Walks on at once: what stands in the way says where the next tail is. */
  #lost(
    composition: Composition,
    chunk: Chunk,
    result: PutResult<number> & { stored: false },
  ): Settle | undefined {
    if (result.standing === undefined) {
      this.#tail = undefined;
      return this.#again(composition);
    }
    const standing = chunkFromItem(result.standing);
    if (standing.body.kind === 'closed') return this.#closed(composition, { ...standing.body, ...result });
    // Stored by an earlier attempt, and its expiry has been pushed out since, which gave it another version.
    const isOwn = appendVersion(standing) === chunk.version;
    if (isOwn && this.#deps.rules.tokenCheck) return this.#won(composition, chunk, result);
    const walkIsBehind = this.#pacing.lossesInARow % LIMITS.walkLossesMax === 0;
    this.#tail = walkIsBehind ? undefined : this.#behind(standing, result);
    this.#producers.follow(standing);
    for (const entry of composition.entries) {
      if (entry.attempt !== undefined) entry.attempt = { ...entry.attempt, isLost: true };
    }
    return this.#without(composition, keyedIn(standing, composition.entries));
  }

  #closed({ entries }: Composition, marker: Parameters<typeof closedBy>[0] = {}): Settle {
    this.#tail = undefined;
    return settleAll(entries, closedBy(marker));
  }

  /** What is not settled waits again. */
  #without(composition: Composition, settled: Outcomes): Settle {
    const left = composition.entries.filter((entry) => !settled.has(entry));
    if (settled.size === 0) this.#queue.putBack(composition);
    else this.#queue.putBackEntries(left);
    return settling(settled);
  }

  #again(composition: Composition): undefined {
    this.#queue.putBack(composition);
  }
}
