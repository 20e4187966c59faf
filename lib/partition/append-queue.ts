import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Clock } from '../storage/clock.ts';
import { type AppendEntry, type AppendOutcome, entriesForChunk } from './append-entry.ts';
import type { PlacedAttempt } from './attempts.ts';
import type { Upload } from './spooler.ts';

/** An append that has not been answered yet. */
export interface Pending extends AppendEntry {
  readonly settle: (outcome: AppendOutcome) => void;
  /** Counts up: a look that began later may show what was answered before this was asked. */
  readonly arrival: number;
  attempt: PlacedAttempt | undefined;
}

/** What goes into one chunk together. A spilled composition stays together: its bytes share an upload. */
export interface Composition {
  entries: readonly Pending[];
  upload: Upload | undefined;
}

/** The appends that wait in this process for one partition, in order of arrival. */
export class AppendQueue {
  readonly #clock: Clock;
  #waiting: Pending[] = [];
  #waitingBytes = 0;
  /** A composition whose upload is paid for and that lost its last attempt: it goes first. */
  #spilled: Composition | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get isFull(): boolean {
    return this.#waiting.length >= LIMITS.appendQueueMax || this.#waitingBytes >= LIMITS.appendQueueBytesMax;
  }

  add(entry: Pending): void {
    this.#waiting.push(entry);
    this.#waitingBytes += entry.bytes.length;
  }

  /**
   * What goes into the next chunk; undefined if nothing waits. Entries whose callers have given up are answered and left
   * out: nothing of them is under way here. `bytesMaxFor` says how large a chunk may be that begins with an entry.
   */
  take(bytesMaxFor: (first: Pending) => number): Composition | undefined {
    const spilled = this.#spilled;
    this.#spilled = undefined;
    if (spilled !== undefined) {
      const alive = this.#aliveOf(spilled.entries);
      if (alive.length === spilled.entries.length) return spilled;
      // The bytes of an upload belong to all of its entries: without one of them the others wait again.
      this.putBackEntries(alive);
    }
    this.#replace(this.#aliveOf(this.#waiting));
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const entries = this.#waiting.splice(0, entriesForChunk(this.#waiting, bytesMaxFor(first)));
    this.#waitingBytes -= bytesOf(entries);
    return { entries, upload: undefined };
  }

  /** To be sent again as it is. */
  putBack(composition: Composition): void {
    if (composition.upload === undefined) this.putBackEntries(composition.entries);
    else this.#spilled = composition;
  }

  /** To the front, to be composed anew. */
  putBackEntries(entries: readonly Pending[]): void {
    this.#replace([...entries, ...this.#waiting]);
  }

  #replace(waiting: Pending[]): void {
    if (waiting.length === this.#waiting.length) return;
    this.#waiting = waiting;
    this.#waitingBytes = bytesOf(waiting);
  }

  #aliveOf(entries: readonly Pending[]): Pending[] {
    const nowMs = this.#clock.monotonicMs();
    return entries.filter((entry) => {
      if (nowMs < entry.call.deadlineMs) return true;
      const message = 'The append could not win its place in time; nothing was stored';
      entry.settle({ kind: 'failed', error: new MillraceError('REQUEST_TIMED_OUT', message) });
      return false;
    });
  }
}

export function bytesOf(entries: readonly AppendEntry[]): number {
  return entries.reduce((total, entry) => total + entry.bytes.length, 0);
}
