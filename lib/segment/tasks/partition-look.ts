import type { EngineParts } from '../../engine-parts.ts';
import { type Chunk, chunkFromItem } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import type { Table } from '../../storage/table.ts';
import { logStartFromItem } from '../log-start.ts';
import { chunkBytes } from '../seal/seal-due.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, type Segment, segmentFromItem } from '../segment-item.ts';

type Tables = Pick<EngineParts, 'hot' | 'catalog'>;

/** What the catalog says of a partition. Kept between looks: both ends only grow. */
export interface KnownBounds {
  readonly sealedEnd: number;
  readonly logStart: number;
  readonly firstSegment: Segment | undefined;
  readonly lastSegment: Segment | undefined;
}

/** A cheap look at one partition, eventually consistent: good enough to decide what is worth a worker's look. */
export interface PartitionLook extends KnownBounds {
  /** Undefined if nothing is unsealed. */
  readonly unsealed: Unsealed | undefined;
}

export interface Unsealed {
  /** The first chunk above the sealed end. */
  readonly oldest: Chunk;
  readonly endOffset: number;
  /** From the sizes of the first and the last chunk: counting would cost as much as reading. */
  readonly bytesEstimate: number;
}

/**
 * One query of the hot table where nothing is unsealed and the bounds are known; a few more otherwise.
 * Throws `StorageFault`.
 */
export async function lookAtPartition(
  tables: Tables,
  pk: string,
  known: KnownBounds | undefined,
  call: Call,
): Promise<PartitionLook> {
  const before = known ?? (await readKnownBounds(tables.catalog, pk, call));
  const oldest = await firstChunk(tables.hot, pk, before.sealedEnd, call);
  if (oldest === undefined) return { ...before, unsealed: undefined };
  const bounds =
    known === undefined ? before : later(before, await readKnownBounds(tables.catalog, pk, call));
  // Sealed meanwhile: what was found is no longer above the sealed end.
  const first =
    bounds.sealedEnd === before.sealedEnd ? oldest : await firstChunk(tables.hot, pk, bounds.sealedEnd, call);
  if (first === undefined) return { ...bounds, unsealed: undefined };
  return { ...bounds, unsealed: await sizeUp(tables.hot, { pk, oldest: first }, call) };
}

async function readKnownBounds(catalog: Table<string>, pk: string, call: Call): Promise<KnownBounds> {
  const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, reverse: true, limit: 2, consistent: false };
  const { items } = await catalog.query(pk, range, call);
  const start = items.find(({ sk }) => sk === LOG_START_KEY);
  const segment = items.find(({ sk }) => sk !== LOG_START_KEY);
  const lastSegment = segment === undefined ? undefined : segmentFromItem(segment);
  return {
    sealedEnd: lastSegment?.endOffset ?? 0,
    logStart: start === undefined ? 0 : logStartFromItem(start).offset,
    firstSegment: lastSegment === undefined ? undefined : await readFirstSegment(catalog, pk, call),
    lastSegment,
  };
}

async function readFirstSegment(
  catalog: Table<string>,
  pk: string,
  call: Call,
): Promise<Segment | undefined> {
  const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, limit: 1, consistent: false };
  const [first] = (await catalog.query(pk, range, call)).items;
  return first === undefined || first.sk === LOG_START_KEY ? undefined : segmentFromItem(first);
}

function later(a: KnownBounds, b: KnownBounds): KnownBounds {
  const newer = b.sealedEnd >= a.sealedEnd ? b : a;
  return { ...newer, logStart: Math.max(a.logStart, b.logStart) };
}

/** The closed marker holds nothing that could be sealed. */
async function firstChunk(
  hot: Table<number>,
  pk: string,
  from: number,
  call: Call,
): Promise<Chunk | undefined> {
  const { items } = await hot.query(pk, { from, limit: 1, consistent: false }, call);
  const chunk = items[0] === undefined ? undefined : chunkFromItem(items[0]);
  return chunk?.body.kind === 'closed' ? undefined : chunk;
}

async function sizeUp(
  hot: Table<number>,
  { pk, oldest }: { readonly pk: string; readonly oldest: Chunk },
  call: Call,
): Promise<Unsealed> {
  const { items } = await hot.query(pk, { reverse: true, limit: 1, consistent: false }, call);
  const newest = items[0] === undefined ? oldest : chunkFromItem(items[0]);
  const endOffset = Math.max(oldest.endOffset, newest.endOffset);
  const samples = newest.body.kind === 'closed' ? [oldest] : [oldest, newest];
  const bytes = samples.reduce((total, chunk) => total + chunkBytes(chunk), 0);
  const offsets = samples.reduce((total, chunk) => total + chunk.endOffset - chunk.baseOffset, 0);
  return { oldest, endOffset, bytesEstimate: ((endOffset - oldest.baseOffset) * bytes) / offsets };
}
