import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import { type ForeignStretch, foreignWithin, stretchesWith } from '../segment/foreign-stretches.ts';
import type { SegmentReader } from '../segment/read/segment-reader.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { type Chunk, chunkFromItem } from './chunk.ts';
import { lookAgainIfDamaged } from './faults.ts';
import { loadPieces } from './load-pieces.ts';
import type { PartitionState } from './partition-state.ts';
import { contiguousFrom, planRead } from './read-plan.ts';
import { type Bounds, readBounds, readTail } from './tail.ts';

export interface ReaderDependencies extends Pick<EngineParts, 'hot' | 'catalog' | 'bucket' | 'rules'> {
  /** Of this process; shared by all partitions. */
  readonly sealed: SegmentReader;
}

export interface ReadResult {
  readonly batches: readonly Uint8Array[];
  readonly nextOffset: number;
  /** As in `FetchResult`. */
  readonly foreign?: readonly ForeignStretch[];
}

/** What a look at the hot chain showed. */
type Look =
  | { readonly kind: 'run'; readonly chunks: readonly Chunk[] }
  /** The offset is known to be the end of a chunk and nothing is seen behind it. */
  | { readonly kind: 'atEnd' }
  /** The items seen do not say where the offset belongs: a stale read, a sealed or trimmed past, or an offset beyond the end. */
  | { readonly kind: 'unsure' };

const QUERY_ITEMS_MIN = 4;
const QUERY_ITEMS_MAX = 512;
/** How often a read starts over because the log moved under it; each time it has seen newer bounds. */
const ROUNDS_MAX = 4;
const NOTHING_FOREIGN: readonly ForeignStretch[] = [];

/** Reads one partition; holds nothing but guesses about chunk sizes. */
export class PartitionReader {
  readonly #deps: ReaderDependencies;
  readonly #pk: string;
  readonly #state: PartitionState;
  #chunkBytesAverage: number;

  constructor(deps: ReaderDependencies, pk: string, state: PartitionState) {
    this.#deps = deps;
    this.#pk = pk;
    this.#state = state;
    this.#chunkBytesAverage = deps.hot.inlineBytesBreakEven;
  }

  /** One read without waiting. Throws OFFSET_OUT_OF_RANGE, or `StorageFault`. */
  read(offset: number, bytesMax: number, call: Call): Promise<ReadResult> {
    return lookAgainIfDamaged(`Partition ${this.#pk}`, (again) =>
      again ? this.#readForSure(offset, bytesMax, call) : this.#readOnce(offset, bytesMax, call),
    );
  }

  async #readOnce(offset: number, bytesMax: number, call: Call): Promise<ReadResult> {
    const bounds = this.#state.freshBounds() ?? (await this.#readBounds({ consistent: false }, call));
    this.#refuseBelowStart(offset, bounds);
    if (offset < bounds.sealedEnd) return this.#readSealed(offset, { bytesMax, consistent: false }, call);
    const look = await this.#look(offset, { bytesMax, consistent: false }, call);
    return look.kind === 'unsure'
      ? this.#readForSure(offset, bytesMax, call)
      : this.#answer(look, offset, bytesMax, call);
  }

  async #readBounds(options: { readonly consistent: boolean }, call: Call): Promise<Bounds> {
    return this.#state.learnBounds(await readBounds(this.#deps.catalog, this.#pk, options, call));
  }

  #refuseBelowStart(offset: number, { logStart }: Bounds): void {
    const end = Math.max(logStart, this.#state.knownEnd ?? 0);
    if (offset < logStart) throw outOfRange(offset, { start: logStart, end });
  }

  /** ⚑ The slow path: everything consistent, so that "beyond the end" and "trimmed" are facts before they are said. */
  async #readForSure(offset: number, bytesMax: number, call: Call): Promise<ReadResult> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const { tail, bounds } = await readTail(this.#deps, this.#pk, this.#deps.rules, call);
      this.#state.learnBounds(bounds);
      this.#refuseBelowStart(offset, bounds);
      if (offset < bounds.sealedEnd) return this.#readSealed(offset, { bytesMax, consistent: true }, call);
      if (offset > tail.offset) throw outOfRange(offset, { start: bounds.logStart, end: tail.offset });
      if (offset === tail.offset) {
        this.#state.learnEnd(offset);
        return { batches: [], nextOffset: offset };
      }
      const look = await this.#look(offset, { bytesMax, consistent: true }, call);
      if (look.kind !== 'unsure') return this.#answer(look, offset, bytesMax, call);
    }
    const message = `Partition ${this.#pk}: the hot chain has a gap at offset ${offset}`;
    throw new StorageFault('damaged', message);
  }

  async #look(
    offset: number,
    options: { readonly bytesMax: number; readonly consistent: boolean },
    call: Call,
  ): Promise<Look> {
    const { consistent } = options;
    const limit = this.#itemsFor(options.bytesMax);
    const page = await this.#deps.hot.query(this.#pk, { from: offset, limit, consistent }, call);
    const chunks = page.items.map(chunkFromItem);
    const first = chunks[0];
    if (first?.baseOffset === offset) return this.#run(chunks, offset);
    if (first === undefined && offset === this.#state.knownEnd) return { kind: 'atEnd' };
    // ⚑ A committed offset is often in the middle of a chunk.
    const floorPage = await this.#deps.hot.query(
      this.#pk,
      { to: offset, reverse: true, limit: 1, consistent },
      call,
    );
    const floor = floorPage.items[0] === undefined ? undefined : chunkFromItem(floorPage.items[0]);
    if (floor !== undefined && floor.baseOffset <= offset && offset < floor.endOffset) {
      return this.#run([floor, ...chunks], offset);
    }
    if (!this.#deps.rules.gapCut && first !== undefined) return this.#run(chunks, offset);
    const moreIsKnown = (this.#state.knownEnd ?? 0) > offset;
    const isBehindLast = first === undefined && floor?.endOffset === offset && !moreIsKnown;
    if (!isBehindLast || floor?.body.kind === 'closed') return { kind: 'unsure' };
    this.#state.learnEnd(offset);
    return { kind: 'atEnd' };
  }

  #run(chunks: readonly Chunk[], offset: number): Look {
    const run = contiguousFrom(chunks, offset, this.#deps.rules.gapCut);
    const last = run.at(-1);
    if (last === undefined) {
      // Only a closed marker stands here: the chain ends.
      this.#state.learnEnd(offset);
      return { kind: 'atEnd' };
    }
    this.#state.learnEnd(last.endOffset);
    return { kind: 'run', chunks: run };
  }

  async #answer(
    look: Exclude<Look, { kind: 'unsure' }>,
    offset: number,
    bytesMax: number,
    call: Call,
  ): Promise<ReadResult> {
    if (look.kind === 'atEnd') return { batches: [], nextOffset: offset };
    const pieces = planRead(look.chunks, offset, bytesMax);
    const batches = await loadPieces(this.#deps.bucket, pieces, call);
    const bytes = batches.reduce((total, batch) => total + batch.length, 0);
    this.#chunkBytesAverage += (bytes / Math.max(1, pieces.length) - this.#chunkBytesAverage) / 4;
    const nextOffset = pieces.at(-1)?.endOffset ?? offset;
    const foreign = look.chunks.reduce(stretchesWith, NOTHING_FOREIGN);
    return { batches, nextOffset, ...foreignWithin(foreign, offset, nextOffset) };
  }

  async #readSealed(
    offset: number,
    options: { readonly bytesMax: number; readonly consistent: boolean },
    call: Call,
  ): Promise<ReadResult> {
    const read = await this.#deps.sealed.read({ pk: this.#pk, offset, ...options }, call);
    const { nextOffset } = read;
    if (read.batches.length > 0 || nextOffset === offset) return read;
    // A stretch that compaction or retention has emptied: what is asked for begins behind it. ⚑ Looked at as before.
    return options.consistent
      ? this.#readForSure(nextOffset, options.bytesMax, call)
      : this.#readOnce(nextOffset, options.bytesMax, call);
  }

  /** Items to ask for: storage bills what it reads, so not many more than fill the answer. */
  #itemsFor(bytesMax: number): number {
    const items = Math.ceil(bytesMax / Math.max(1, this.#chunkBytesAverage)) + 1;
    return Math.min(QUERY_ITEMS_MAX, Math.max(QUERY_ITEMS_MIN, items));
  }
}

export function outOfRange(
  offset: number,
  range: { readonly start: number; readonly end: number },
): MillraceError {
  const message = `Offset ${offset} is outside the partition: it begins at ${range.start} and ends at ${range.end}`;
  return new MillraceError('OFFSET_OUT_OF_RANGE', message);
}
