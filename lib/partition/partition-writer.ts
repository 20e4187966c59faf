import { MillraceError, unreachable } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { patchBaseOffset } from '../record/header.ts';
import type { Rules } from '../rules.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import { StorageFault } from '../storage/fault.ts';
import { Meter } from '../storage/meter.ts';
import { type Fence, observationAgeMs } from '../storage/observation.ts';
import type { Random } from '../storage/random.ts';
import type { PutResult, Table } from '../storage/table.ts';
import { type AppendEntry, type AppendOutcome, entriesForChunk } from './append-entry.ts';
import { type PlacedAttempt, type Placement, placeAttempt } from './attempts.ts';
import { type Chunk, chunkFromItem, chunkToItem } from './chunk.ts';
import { appendError } from './faults.ts';
import { createPacing, type Pacing } from './pacing.ts';
import type { PartitionState } from './partition-state.ts';
import type { Spooler, Upload } from './spooler.ts';
import { readTail, type Tail } from './tail.ts';

export interface WriterDependencies {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly spooler: Spooler;
  readonly clock: Clock;
  readonly random: Random;
  readonly rules: Rules;
}

/** The topic configs that an append depends on. */
export interface AppendSettings {
  readonly hotRetentionMs: number;
  /** -1: the adapter's break-even decides. */
  readonly inlineBytesMax: number;
}

interface Pending extends AppendEntry {
  readonly settle: (outcome: AppendOutcome) => void;
  attempt: PlacedAttempt | undefined;
}

/** What goes into one chunk together. A spilled composition stays together: its bytes share an upload. */
interface Composition {
  entries: Pending[];
  upload: Upload | undefined;
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
  #queue: Pending[] = [];
  /** A composition whose upload is paid for and that lost its last attempt. */
  #spilled: Composition | undefined;
  #tail: Tail | undefined;
  #settings: AppendSettings;
  #fencedInARow = 0;
  #draining = false;
  /** Keyed appends of this process that are not settled yet, by identity. */
  readonly #keyed = new Map<
    string,
    { readonly fingerprint: string; readonly outcome: Promise<AppendOutcome> }
  >();

  constructor(deps: WriterDependencies, pk: string, state: PartitionState) {
    this.#deps = deps;
    this.#pk = pk;
    this.#state = state;
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
    if (identity === undefined) return this.#enqueue(entry);
    const twin = this.#keyed.get(identity.id);
    if (twin !== undefined) return joinTwin(twin, identity.fingerprint);
    const outcome = this.#enqueue(entry);
    this.#keyed.set(identity.id, { fingerprint: identity.fingerprint, outcome });
    return outcome.finally(() => this.#keyed.delete(identity.id));
  }

  #enqueue(entry: AppendEntry): Promise<AppendOutcome> {
    if (this.#queue.length >= LIMITS.appendQueueMax) {
      const message = `More than ${LIMITS.appendQueueMax} appends wait for this partition`;
      return Promise.resolve({
        kind: 'failed',
        error: new MillraceError('THROTTLING_QUOTA_EXCEEDED', message),
      });
    }
    return new Promise((settle) => {
      this.#queue.push({ ...entry, settle, attempt: undefined });
      if (!this.#draining) {
        this.#draining = true;
        void this.#drain();
      }
    });
  }

  async #drain(): Promise<void> {
    try {
      for (;;) {
        const composition = this.#compose();
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
      : this.#pacing.pauseMs({ moreQueued: this.#queue.length > 0 });
  }

  #compose(): Composition | undefined {
    const spilled = this.#spilled;
    this.#spilled = undefined;
    const composition = spilled ?? { entries: this.#queue, upload: undefined };
    const alive = composition.entries.filter((entry) => this.#isAlive(entry));
    if (spilled !== undefined && alive.length === spilled.entries.length) return spilled;
    // The bytes of an upload belong to all of its entries: without one of them the others go back to the queue.
    if (spilled !== undefined)
      this.#queue = [...alive, ...this.#queue].filter((entry) => this.#isAlive(entry));
    else this.#queue = alive;
    if (this.#queue.length === 0) return undefined;
    const chunkBytesMax = this.#pacing.isLosing ? this.#inlineBytesMax() : LIMITS.chunkBytesMax;
    const entries = this.#queue.splice(0, entriesForChunk(this.#queue, chunkBytesMax));
    return { entries, upload: undefined };
  }

  /** An entry whose caller has given up is not sent any more; nothing of it is under way here. */
  #isAlive(entry: Pending): boolean {
    if (this.#deps.clock.monotonicMs() < entry.call.deadlineMs) return true;
    const message = 'The append could not win its place in time; nothing was stored';
    entry.settle({ kind: 'failed', error: new MillraceError('REQUEST_TIMED_OUT', message) });
    return false;
  }

  #inlineBytesMax(): number {
    const { inlineBytesMax } = this.#settings;
    return inlineBytesMax >= 0 ? inlineBytesMax : this.#deps.hot.inlineBytesBreakEven;
  }

  /** Makes one attempt. Afterwards every entry is settled or waits in the queue, and nothing is ambiguous. */
  async #commit(composition: Composition): Promise<void> {
    const meter = new Meter();
    const participants = [...composition.entries];
    const deadlineMs = Math.max(...participants.map((entry) => entry.call.deadlineMs));
    let settle: (() => void) | undefined;
    try {
      settle = await this.#attempt(composition, { meter, deadlineMs });
    } catch (fault) {
      settle = this.#failed(composition, fault);
    }
    // The receipt must be complete before a caller can look at it.
    const bytesTotal = participants.reduce((total, entry) => total + entry.bytes.length, 0);
    for (const entry of participants) entry.call.meter.add(meter.usage, entry.bytes.length / bytesTotal);
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

    const placed = await this.#placeKeyed(composition, tail, call);
    if (placed !== undefined) return placed;

    const chunk = this.#chunkAt(tail, composition);
    if (!this.#deps.rules.tailAfterAnswer) this.#tail = { ...tail, offset: chunk.endOffset };
    const startedMs = this.#deps.clock.monotonicMs();
    const result = await this.#deps.hot.put(
      chunkToItem(this.#pk, chunk),
      { condition: { kind: 'ifAbsent' }, fences: this.#fences(tail, composition) },
      call,
    );
    this.#fencedInARow = 0;
    this.#pacing.wrote({ ms: this.#deps.clock.monotonicMs() - startedMs, won: result.stored });
    return result.stored ? this.#won(composition, chunk, result) : this.#lost(composition, result);
  }

  async #readTail(call: Call): Promise<Tail> {
    const { tail, bounds } = await readTail(this.#deps, this.#pk, this.#deps.rules, call);
    this.#state.learnBounds(bounds);
    return tail;
  }

  /** Bytes before pointer: uploads what is too large to be inline, unless a lost attempt has left an upload. */
  async #spill(composition: Composition, call: Call): Promise<void> {
    const inlineBytesMax = this.#inlineBytesMax();
    const bytesTotal = composition.entries.reduce((total, entry) => total + entry.bytes.length, 0);
    if (bytesTotal <= inlineBytesMax || composition.upload !== undefined) return;
    // Usually the offsets in the object turn out right, and sealing can then adopt it as it is.
    const bytes = placedBytes(composition.entries, this.#tail?.offset ?? 0);
    composition.upload = await this.#deps.spooler.upload(bytes, call);
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

  #fences(tail: Tail, composition: Composition): Fence[] {
    const fences: Fence[] = [];
    const { rules } = this.#deps;
    if (rules.fence) fences.push({ observation: tail.observation, ageMsMax: LIMITS.fenceAgeMsMax });
    if (rules.firstReference && composition.upload !== undefined) {
      fences.push({ observation: composition.upload.observation, ageMsMax: LIMITS.firstReferenceAgeMsMax });
    }
    return fences;
  }

  /** Answers what to do instead of appending, or undefined to go on with the entries that are left. */
  async #placeKeyed(composition: Composition, tail: Tail, call: Call): Promise<(() => void) | undefined> {
    const keyed = composition.entries.filter((entry) => entry.identity !== undefined);
    if (keyed.length === 0) return undefined;
    const placements = await Promise.all(keyed.map((entry) => this.#place(entry, tail.offset, call)));
    const settled = new Map<Pending, AppendOutcome>();
    let tailIsOld = false;
    placements.forEach((placement, index) => {
      const entry = keyed[index];
      if (entry === undefined) return;
      switch (placement.kind) {
        case 'placed':
          entry.attempt = placement.attempt;
          return;
        case 'duplicate':
          settled.set(entry, { kind: 'appended', baseOffset: placement.baseOffset, duplicate: true });
          return;
        case 'refused':
          settled.set(entry, { kind: 'failed', error: placement.error });
          return;
        case 'tailIsOld':
          tailIsOld = true;
          return;
        default:
          unreachable(placement);
      }
    });
    if (tailIsOld) this.#tail = undefined;
    return tailIsOld || settled.size > 0 ? this.#without(composition, settled) : undefined;
  }

  #place(entry: Pending, offset: number, call: Call): Promise<Placement> {
    const { identity } = entry;
    if (identity === undefined)
      return Promise.reject(new TypeError('an entry without identity has no attempt'));
    return placeAttempt(
      this.#deps,
      { pk: this.#pk, identity, offset, before: entry.attempt, began: identity.began },
      call,
    );
  }

  #chunkAt(tail: Tail, composition: Composition): Chunk {
    const { entries, upload } = composition;
    const batches = entries.flatMap((entry) => entry.batches);
    const nowMs = Math.max(this.#deps.clock.wallMs(), tail.observation.serverMs ?? 0);
    let offsetDelta = 0;
    const identities: { id: string; offsetDelta: number }[] = [];
    for (const entry of entries) {
      if (entry.identity !== undefined) identities.push({ id: entry.identity.id, offsetDelta });
      offsetDelta += entry.offsetCount;
    }
    return {
      baseOffset: tail.offset,
      endOffset: tail.offset + offsetDelta,
      version: this.#deps.random.id(),
      expiresAtSeconds: Math.ceil((nowMs + this.#settings.hotRetentionMs) / 1000),
      maxTimestampMs: Math.max(...entries.map((entry) => entry.maxTimestampMs)),
      identities,
      body:
        upload === undefined
          ? { kind: 'inline', bytes: placedBytes(entries, tail.offset) }
          : { kind: 'spilled', span: upload.span, batches },
    };
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
  #lost(composition: Composition, result: PutResult<number> & { stored: false }): (() => void) | undefined {
    if (result.standing === undefined) {
      this.#tail = undefined;
      return this.#again(composition);
    }
    const standing = chunkFromItem(result.standing);
    if (standing.body.kind === 'closed') return this.#closed(composition.entries);
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

  /** Puts what is not settled back in front, to be composed anew. */
  #without(composition: Composition, settled: ReadonlyMap<Pending, AppendOutcome>): () => void {
    const left = composition.entries.filter((entry) => !settled.has(entry));
    if (settled.size === 0) this.#again(composition);
    else this.#queue = [...left, ...this.#queue];
    return () => {
      for (const [entry, outcome] of settled) entry.settle(outcome);
    };
  }

  #again(composition: Composition): undefined {
    if (composition.upload !== undefined) this.#spilled = composition;
    else this.#queue = [...composition.entries, ...this.#queue];
    return undefined;
  }
}

function settleAll(entries: readonly Pending[], outcome: AppendOutcome): () => void {
  return () => {
    for (const entry of entries) entry.settle(outcome);
  };
}

/** The same key in the same process at the same time: one append, one answer. */
async function joinTwin(
  twin: { readonly fingerprint: string; readonly outcome: Promise<AppendOutcome> },
  fingerprint: string,
): Promise<AppendOutcome> {
  if (twin.fingerprint !== fingerprint) {
    const message = 'This Idempotency-Key is in use for another request';
    return { kind: 'failed', error: new MillraceError('INVALID_REQUEST', message) };
  }
  const outcome = await twin.outcome;
  return outcome.kind === 'appended' ? { ...outcome, duplicate: true } : outcome;
}

/** The batches of all entries in a row, with the base offsets they get at `baseOffset`. A lone entry is patched in place. */
function placedBytes(entries: readonly AppendEntry[], baseOffset: number): Uint8Array {
  const [only] = entries;
  const bytes = entries.length === 1 && only !== undefined ? only.bytes : concatenated(entries);
  let at = 0;
  let offset = baseOffset;
  for (const entry of entries) {
    for (const batch of entry.batches) {
      patchBaseOffset(bytes.subarray(at, at + batch.bytes), { baseOffset: offset, leaderEpoch: 0 });
      at += batch.bytes;
      offset += batch.offsetCount;
    }
  }
  return bytes;
}

function concatenated(entries: readonly AppendEntry[]): Uint8Array {
  const all = new Uint8Array(entries.reduce((total, entry) => total + entry.bytes.length, 0));
  let at = 0;
  for (const entry of entries) {
    all.set(entry.bytes, at);
    at += entry.bytes.length;
  }
  return all;
}
