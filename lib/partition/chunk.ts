import { ITEM_FORMAT, ItemReader, MERGED_FORMAT } from '../storage/format.ts';
import type { AttributeValue, Item } from '../storage/table.ts';
import { numberBytes } from '../storage/units.ts';
import { type BatchSummary, decodeSummaries, encodeSummaries } from './batch-summary.ts';
import {
  type ChunkOrigin,
  chunkOriginFromAttribute,
  chunkOriginToAttribute,
  type Origins,
  originsFromAttribute,
  originsToAttribute,
} from './origins.ts';
import { decodeStretches, encodeStretches, type Stretch } from './stretch.ts';

/** Where a partition's chunks and segments lie in both tables. */
export function partitionKey(topicId: string, partition: number): string {
  return `${topicId}:${partition}`;
}

/** A keyed produce inside a chunk: its identity and where its records begin. */
export interface ChunkIdentity {
  readonly id: string;
  readonly offsetDelta: number;
}

/**
 * Bytes of an object that hold a chunk's batches. The base offsets inside may be those of an earlier attempt, unless the
 * chunk keeps offsets.
 */
export interface ObjectSpan {
  readonly key: string;
  readonly start: number;
  readonly length: number;
}

export type ChunkBody =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'spilled'; readonly span: ObjectSpan; readonly batches: readonly BatchSummary[] }
  /** Of a chunk that keeps offsets. */
  | { readonly kind: 'spilled'; readonly span: ObjectSpan; readonly stretches: readonly Stretch[] }
  /** ⚑ The closed marker: it ends the chain and has no length. `freeze`: until the region is thawed, by this freeze's id. */
  | { readonly kind: 'closed'; readonly freeze?: string };

export interface AppendedAs {
  readonly version: string;
  readonly expiresAtSeconds: number;
}

/** One link of a partition's hot chain. */
export interface Chunk {
  readonly baseOffset: number;
  /** The offset behind the chunk; equal to `baseOffset` only for the closed marker. */
  readonly endOffset: number;
  /** The version of the item that holds it: also the append token, since a retried put keeps it. */
  readonly version: string;
  /** Absent on the closed marker, which must not vanish before stale writers have met it. */
  readonly expiresAtSeconds?: number;
  /** Set once the expiry has been pushed out: the version, which is the append token, and the expiry it was appended with. */
  readonly appendedAs?: AppendedAs;
  readonly maxTimestampMs: number;
  readonly identities: readonly ChunkIdentity[];
  /**
   * Where the last chunk before this one ends that has batches with a producer id. Only on chunks that have none
   * themselves; absent if none stood above the end of the segments. It spares a cold writer the reading of plain chunks.
   */
  readonly producersEnd?: number;
  /**
   * ⚑ Set on copies: the batches hold at the offsets that stand in them, which ascend within the chunk's range; the last one
   * ends it. Offsets that no batch covers, before the first one and between them, have no records in the source either.
   */
  readonly keepsOffsets?: true;
  /** Set on copies in a log that is written in several regions; its own chunks have none. */
  readonly origin?: ChunkOrigin;
  /** ⚑ How far the log has the records of other regions, as of this chunk's end; absent if it has none of them. */
  readonly origins?: Origins;
  readonly body: ChunkBody;
}

/*
 * Item layout in the hot table: pk = topicId:partition, sk = base offset, v = version, x = expiry, and
 *
 *   f  format number                 n  offsets covered          m  largest timestamp, ms
 *   b  batches, inline               o  [object key, start, length], spilled    h  batch summaries, spilled
 *   c  true on the closed marker     i  [[identity, offset delta], …], only when there are any
 *   z  id of the freeze that put the closed marker, if one did
 *   p  [version, expiry] of the append, once the expiry has been pushed out
 *   k  true on copies, whose batches keep their offsets; then h holds stretches instead of summaries
 *   g  [region, base offset, end offset] in a copy's own region    u  origins; with any of k, g, u the format is 2
 *   q  end of the last chunk with producer ids, if it is another one: the offset, or less than one: counted from sk
 *
 * Names are one letter because DynamoDB bills them with every write: all but the batches stays below 124 bytes, so a
 * batch of 900 bytes costs one write unit.
 */
export function chunkToItem(pk: string, chunk: Chunk): Item<number> {
  const attributes: Record<string, AttributeValue> = {
    f: chunk.origins === undefined && chunk.keepsOffsets !== true ? ITEM_FORMAT : MERGED_FORMAT,
    n: chunk.endOffset - chunk.baseOffset,
    m: chunk.maxTimestampMs,
  };
  switch (chunk.body.kind) {
    case 'inline':
      attributes.b = chunk.body.bytes;
      break;
    case 'spilled': {
      const { key, start, length } = chunk.body.span;
      attributes.o = [key, start, length];
      attributes.h =
        'stretches' in chunk.body
          ? encodeStretches(chunk.body.stretches)
          : encodeSummaries(chunk.body.batches);
      break;
    }
    case 'closed':
      attributes.c = true;
      if (chunk.body.freeze !== undefined) attributes.z = chunk.body.freeze;
      break;
  }
  if (chunk.identities.length > 0)
    attributes.i = chunk.identities.map(({ id, offsetDelta }) => [id, offsetDelta]);
  if (chunk.keepsOffsets === true) attributes.k = true;
  if (chunk.origin !== undefined) attributes.g = chunkOriginToAttribute(chunk.origin);
  if (chunk.origins !== undefined) attributes.u = originsToAttribute(chunk.origins);
  if (chunk.producersEnd !== undefined) attributes.q = shorterOffset(chunk.producersEnd, chunk.baseOffset);
  if (chunk.appendedAs !== undefined)
    attributes.p = [chunk.appendedAs.version, chunk.appendedAs.expiresAtSeconds];
  return {
    pk,
    sk: chunk.baseOffset,
    version: chunk.version,
    ...(chunk.expiresAtSeconds === undefined ? {} : { expiresAtSeconds: chunk.expiresAtSeconds }),
    attributes,
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function chunkFromItem(item: Item<number>): Chunk {
  const read = new ItemReader('chunk', item, MERGED_FORMAT);
  return {
    baseOffset: item.sk,
    endOffset: item.sk + read.number('n'),
    version: item.version,
    ...(item.expiresAtSeconds === undefined ? {} : { expiresAtSeconds: item.expiresAtSeconds }),
    ...(read.has('p') ? { appendedAs: appendedAsFrom(read.list('p')) } : {}),
    maxTimestampMs: read.number('m'),
    identities: read.has('i') ? identitiesFrom(read.list('i')) : [],
    ...(read.has('q') ? { producersEnd: offsetFrom(read.number('q'), item.sk) } : {}),
    ...(read.has('k') ? { keepsOffsets: true } : {}),
    ...(read.has('g') ? { origin: chunkOriginFromAttribute(read.list('g')) } : {}),
    ...(read.has('u') ? { origins: originsFromAttribute(read.list('u')) } : {}),
    body: bodyFrom(read),
  };
}

function bodyFrom(read: ItemReader<number>): ChunkBody {
  if (read.has('c')) return read.has('z') ? { kind: 'closed', freeze: read.string('z') } : { kind: 'closed' };
  if (read.has('b')) return { kind: 'inline', bytes: read.bytes('b') };
  const [key, start, length] = read.list('o');
  const span = { key: String(key), start: Number(start), length: Number(length) };
  const told = read.bytes('h');
  return read.has('k')
    ? { kind: 'spilled', span, stretches: decodeStretches(told) }
    : { kind: 'spilled', span, batches: decodeSummaries(told) };
}

/** Relative to `baseOffset`, or absolute, whichever takes less room. An end is never 0, so below 1 it is relative. */
function shorterOffset(offset: number, baseOffset: number): number {
  const relative = offset - baseOffset;
  return numberBytes(relative) < numberBytes(offset) ? relative : offset;
}

function offsetFrom(stored: number, baseOffset: number): number {
  return stored > 0 ? stored : baseOffset + stored;
}

function appendedAsFrom(list: readonly AttributeValue[]): AppendedAs {
  return { version: String(list[0]), expiresAtSeconds: Number(list[1]) };
}

/** ⚑ The version a chunk was appended with, which is the append token: its item has another one once the expiry has been pushed out. */
export function appendVersion({ version, appendedAs }: Pick<Chunk, 'version' | 'appendedAs'>): string {
  return appendedAs?.version ?? version;
}

/** When a chunk was appended: its first expiry lies `hotRetentionMs` behind that. */
export function appendedMs(
  chunk: Pick<Chunk, 'expiresAtSeconds' | 'appendedAs'>,
  hotRetentionMs: number,
): number {
  return (chunk.appendedAs?.expiresAtSeconds ?? chunk.expiresAtSeconds ?? 0) * 1000 - hotRetentionMs;
}

function identitiesFrom(list: readonly AttributeValue[]): ChunkIdentity[] {
  return list.map((entry) => {
    const [id, offsetDelta] = Array.isArray(entry) ? (entry as readonly AttributeValue[]) : [];
    return { id: String(id), offsetDelta: Number(offsetDelta) };
  });
}
