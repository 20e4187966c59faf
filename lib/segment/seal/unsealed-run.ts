import type { EngineParts } from '../../engine-parts.ts';
import { type Chunk, chunkFromItem } from '../../partition/chunk.ts';
import { contiguousFrom } from '../../partition/read-plan.ts';
import { readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { noteIncident } from '../incident.ts';
import { chunkBytes } from './seal-due.ts';

type Dependencies = Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'>;

export interface UnsealedRange {
  readonly pk: string;
  /** Where the run begins, and the chain's end as it was seen. */
  readonly from: number;
  readonly sealedEnd: number;
  readonly bytesMax: number;
  /** Whether the run ends before this chunk, with so many bytes taken already. */
  readonly endsBefore: (chunk: Chunk, bytes: number) => boolean;
}

const CHUNKS_PER_PAGE_MAX = 1_000;
const CHUNKS_PER_PAGE_FIRST = 16;
/** What of the chunks is handed on together; one chunk may pass it. */
const WINDOW_BYTES = 8_388_608;

/**
 * The contiguous chunks from `from` on until there are `bytesMax` of them, a window at a time: no more than a page and a
 * window are held at once. Throws `StorageFault` (`damaged`) at a gap.
 */
export async function* unsealedRun(
  deps: Dependencies,
  range: UnsealedRange,
  call: Call,
): AsyncGenerator<readonly Chunk[]> {
  let window: Chunk[] = [];
  let windowBytes = 0;
  for await (const chunk of chunksInRow(deps, range, call)) {
    window.push(chunk);
    windowBytes += chunkBytes(chunk);
    if (windowBytes < WINDOW_BYTES) continue;
    yield window;
    window = [];
    windowBytes = 0;
  }
  if (window.length > 0) yield window;
}

async function* chunksInRow(deps: Dependencies, range: UnsealedRange, call: Call): AsyncGenerator<Chunk> {
  let bytes = 0;
  let count = 0;
  let end = range.from;
  for (;;) {
    // Storage bills what it reads, so not many more than are wanted.
    const wanted = count === 0 ? CHUNKS_PER_PAGE_FIRST : ((range.bytesMax - bytes) * count) / (bytes + 1);
    const limit = Math.min(CHUNKS_PER_PAGE_MAX, Math.ceil(wanted) + 1);
    const page = await deps.hot.query(range.pk, { from: end, limit, consistent: true }, call);
    const found = page.items.map(chunkFromItem);
    const run = contiguousFrom(found, end, deps.rules.sealStopsAtGap);
    if (run.length === 0) return refuseGap(deps, range, { end, first: found[0] }, call);
    for (const chunk of run) {
      if (bytes >= range.bytesMax || range.endsBefore(chunk, bytes)) return;
      yield chunk;
      bytes += chunkBytes(chunk);
      count += 1;
      end = chunk.endOffset;
    }
    if (!page.more && run.length === found.length) return;
  }
}

/** ⚑ A gap is an incident, never skipped; unless another sealer moved on while this one was frozen. */
async function refuseGap(
  deps: Dependencies,
  { pk, sealedEnd }: UnsealedRange,
  { end, first }: { readonly end: number; readonly first: Chunk | undefined },
  call: Call,
): Promise<void> {
  if (first === undefined || first.baseOffset === end) return;
  const bounds = await readBounds(deps.catalog, pk, { consistent: true }, call);
  if (bounds.sealedEnd !== sealedEnd) return;
  const foundMs = bounds.observation.serverMs ?? deps.clock.wallMs();
  const gap = { kind: 'gap', offset: end, nextOffset: first.baseOffset, foundMs } as const;
  // The gap matters more than its note, which the next sealer tries again.
  await noteIncident(deps, pk, gap, call).catch(() => undefined);
  throw new StorageFault('damaged', `Partition ${pk}: the hot chain has a gap at offset ${end}`);
}
