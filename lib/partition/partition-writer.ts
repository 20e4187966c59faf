import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { Meter } from '../storage/meter.ts';
import { observationAgeMs } from '../storage/observation.ts';
import type { PutResult } from '../storage/table.ts';
import type { AppendEntry, AppendOutcome } from './append-entry.ts';
import { appendFences } from './append-fences.ts';
import { AppendQueue, bytesOf, type Composition, type Pending } from './append-queue.ts';
import { type Chunk, chunkFromItem, chunkToItem } from './chunk.ts';
import { composeChunk, placedBytes } from './compose-chunk.ts';
import { appendError } from './faults.ts';
import { createPacing, type Pacing } from './pacing.ts';
import type { PartitionState } from './partition-state.ts';
import { placeKeyed } from './place-keyed.ts';
import type { Spooler, Upload } from './spooler.ts';
import { readTail, type Tail } from './tail.ts';
import { createTwins, type Twins } from './twins.ts';

export interface WriterDependencies
  extends Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'> {
  readonly spooler: Spooler;
  readonly gather?: () => Promise<void>;
}

/** The topic configs that an append depends on. */
export interface AppendSettings {
  readonly hotRetentionMs: number;
  /** -1: the adapter's break-even decides. */
  readonly inlineBytesMax: number;
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
  #tail: Tail | undefined;
  #settings: AppendSettings;
  #fencedInARow = 0;
  #draining = false;
  constructor(deps: WriterDependencies, pk: string, state: PartitionState) {
    this.#deps = deps;
    this.#pk = pk;
    this.#state = state;
    this.#queue = new AppendQueue(deps.clock);
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
      this.#queue.add({ ...entry, settle, attempt: undefined });
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
    const { inlineBytesMax } = this.#settings;
    return inlineBytesMax >= 0 ? inlineBytesMax : this.#deps.hot.inlineBytesBreakEven;
  }

  /** Makes one attempt. Afterwards every entry is settled or waits in the queue, and nothing is ambiguous. */
  async #commit(composition: Composition): Promise<void> {
    const meter = new Meter();
    const { entries } = composition;
    const deadlineMs = Math.max(...entries.map((entry) => entry.call.deadlineMs));
    let settle: (() => void) | undefined;
    try {
      settle = await this.#attempt(composition, { meter, deadlineMs });
    } catch (fault) {
      settle = this.#failed(composition, fault);
    }
    // The receipt must be complete before a caller can look at it.
    const bytesTotal = bytesOf(entries);
    for (const entry of entries) entry.call.meter.add(meter.usage, entry.bytes.length / bytesTotal);
    settle?.();
  }

  #failed(composition: Composition, fault: unknown): (() => void) | undefined {
    const nothingSent = fault instanceof StorageFault && fault.kind === 'fenced' && !fault.mayHaveHappened;
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

  async #attempt(composition: Composition, call: Call): Promise<(() => void) | undefined> {
    await this.#spill(composition, call);
    this.#tail ??= await this.#readTail(call);
    const tail = this.#tail;
    if (tail.closed) return this.#closed(composition.entries);
    if (this.#isTooOld(composition.upload, tail)) {
      composition.upload = undefined;
      return this.#again(composition);
    }

    const { entries } = composition;
    const placed = await placeKeyed(this.#deps, { pk: this.#pk, entries, offset: tail.offset }, call);
    if (placed.tailIsOld) this.#tail = undefined;
    if (placed.tailIsOld || placed.settled.size > 0) return this.#without(composition, placed.settled);

    const chunk = this.#chunkAt(tail, composition);
    if (!this.#deps.rules.tailAfterAnswer) this.#tail = { ...tail, offset: chunk.endOffset };
    const startedMs = this.#deps.clock.monotonicMs();
    const uploaded = composition.upload?.observation;
    const fences = appendFences(this.#deps.rules, { tail, uploaded, entries });
    const options = { condition: { kind: 'ifAbsent' } as const, fences };
    const result = await this.#deps.hot.put(chunkToItem(this.#pk, chunk), options, call);
    this.#fencedInARow = 0;
    this.#pacing.wrote({ ms: this.#deps.clock.monotonicMs() - startedMs, won: result.stored });
    return result.stored ? this.#won(composition, chunk, result) : this.#lost(composition, chunk, result);
  }

  async #readTail(call: Call): Promise<Tail> {
    const { tail, bounds } = await readTail(this.#deps, this.#pk, this.#deps.rules, call);
    this.#state.learnBounds(bounds);
    return tail;
  }

  /** Bytes before pointer: uploads what is too large to be inline, unless a lost attempt has left an upload. */
  async #spill(composition: Composition, call: Call): Promise<void> {
    if (composition.upload !== undefined || bytesOf(composition.entries) <= this.#inlineBytesMax()) return;
    // Usually the offsets in the object turn out right, and sealing can then adopt it as it is.
    const baseOffset = this.#tail?.offset ?? 0;
    const bytes = placedBytes(composition.entries, baseOffset);
    composition.upload = await this.#deps.spooler.upload({ bytes, baseOffset }, call);
  }

  /** Whether an upload may no longer be referred to; the tail's own date is the latest word of storage's clock. */
  #isTooOld(upload: Upload | undefined, tail: Tail): boolean {
    if (upload === undefined || !this.#deps.rules.firstReference) return false;
    const { clock } = this.#deps;
    const { serverMs } = tail.observation;
    const now = {
      wallMs: clock.wallMs(),
      monotonicMs: clock.monotonicMs(),
      ...(serverMs === undefined ? {} : { signedMs: serverMs }),
    };
    return observationAgeMs(upload.observation, now) > LIMITS.firstReferenceAgeMsMax;
  }

  #chunkAt(tail: Tail, composition: Composition): Chunk {
    const nowMs = Math.max(this.#deps.clock.wallMs(), tail.observation.serverMs ?? 0);
    return composeChunk(composition.entries, {
      baseOffset: tail.offset,
      version: this.#deps.random.id(),
      expiresAtSeconds: Math.ceil((nowMs + this.#settings.hotRetentionMs) / 1000),
      span: composition.upload?.span,
    });
  }

  #won(composition: Composition, chunk: Chunk, result: PutResult<number>): () => void {
    this.#tail = { offset: chunk.endOffset, closed: false, observation: result.observation };
    let baseOffset = chunk.baseOffset;
    const outcomes = new Map<Pending, AppendOutcome>();
    for (const entry of composition.entries) {
      outcomes.set(entry, { kind: 'appended', baseOffset, duplicate: false });
      baseOffset += entry.offsetCount;
    }
    return () => {
      for (const [entry, outcome] of outcomes) entry.settle(outcome);
      this.#state.learnEnd(chunk.endOffset);
    };
  }

  /** Walks on at once: what stands in the way says where the next tail is. */
  #lost(
    composition: Composition,
    chunk: Chunk,
    result: PutResult<number> & { stored: false },
  ): (() => void) | undefined {
    if (result.standing === undefined) {
      this.#tail = undefined;
      return this.#again(composition);
    }
    const standing = chunkFromItem(result.standing);
    if (standing.body.kind === 'closed') return this.#closed(composition.entries);
    // Stored by an earlier attempt, and its expiry has been pushed out since, which gave it another version.
    const isOwn = standing.appendedAs?.version === chunk.version;
    if (isOwn && this.#deps.rules.tokenCheck) return this.#won(composition, chunk, result);
    const walkIsBehind = this.#pacing.lossesInARow % LIMITS.walkLossesMax === 0;
    this.#tail = walkIsBehind
      ? undefined
      : { offset: standing.endOffset, closed: false, observation: result.observation };
    const settled = new Map<Pending, AppendOutcome>();
    for (const entry of composition.entries) {
      if (entry.attempt !== undefined) entry.attempt = { ...entry.attempt, isLost: true };
      const found = standing.identities.find(({ id }) => id === entry.identity?.id);
      if (found === undefined) continue;
      const baseOffset = standing.baseOffset + found.offsetDelta;
      settled.set(entry, { kind: 'appended', baseOffset, duplicate: true });
    }
    return this.#without(composition, settled);
  }

  #closed(entries: readonly Pending[]): () => void {
    this.#tail = undefined;
    return settleAll(entries, { kind: 'closed' });
  }

  /** What is not settled waits again. */
  #without(composition: Composition, settled: ReadonlyMap<Pending, AppendOutcome>): () => void {
    const left = composition.entries.filter((entry) => !settled.has(entry));
    if (settled.size === 0) this.#queue.putBack(composition);
    else this.#queue.putBackEntries(left);
    return () => {
      for (const [entry, outcome] of settled) entry.settle(outcome);
    };
  }

  #again(composition: Composition): undefined {
    this.#queue.putBack(composition);
    return undefined;
  }
}

function settleAll(entries: readonly Pending[], outcome: AppendOutcome): () => void {
  return () => {
    for (const entry of entries) entry.settle(outcome);
  };
}
