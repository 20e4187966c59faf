import { LIMITS } from '../../limits.ts';
import type { OriginEnd } from '../../partition/origins.ts';
import { Spooler, type Upload } from '../../partition/spooler.ts';
import { type SegmentReader, segmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import type { Copier, CopySides, PartitionCopier } from '../copy/copier.ts';
import type { CopyOutcome, CopyPlace, CopyTerms } from '../copy/copy-outcome.ts';
import { onSide, SideFault } from '../copy/on-side.ts';
import { endsBefore } from '../copy/resume-check.ts';
import { lookAtSourceTopic } from '../copy/source-topic.ts';
import { createTailWriter, type TailPut, type TailWriter } from '../copy/tail-writer.ts';
import { mergedContent } from './compose-merged.ts';
import type { OriginSource, SourceOfOrigin } from './origin-source.ts';
import { ownRecords } from './own-records.ts';
import { relayedRecords } from './relayed-records.ts';

interface MergedParts extends CopySides {
  /** Alias of the region whose records are copied. */
  readonly region: string;
  readonly records: OriginSource;
  readonly tail: SharedTail;
}

/** What copies into one partition knows its tail together; one step at a time. */
interface SharedTail {
  readonly writer: TailWriter;
  /** How often what was known of it had grown too old: then sources may not be what they were either. */
  age: number;
}

type FoundBatches = Extract<SourceOfOrigin, { readonly kind: 'batches' }>;

/** What was to be copied behind `copied` when something else was appended first: neither read nor uploaded again. */
interface Held {
  readonly copied: number;
  readonly read: FoundBatches;
  readonly uploaded: Upload | undefined;
}

interface Again {
  readonly kind: 'again';
  readonly held?: Held;
}

/** How often a step begins again because something else was appended, or a look has grown old. */
const TRIES_MAX = 16;

/**
 * Copies what was produced in the source, or in a region whose records it has, into the topic of the same name that is
 * written in the target too. ⚑ The position of a copy is what the target's tail says of that region, never a note, so that
 * any number of flows may bring records of one region, from wherever they have them. Positions in outcomes are offsets of
 * that region; copying always begins with its first record, whatever a place says.
 */
export function createMergedCopier(sides: CopySides, alias: string): Copier {
  const { source, target } = sides;
  const sealed: SegmentReader = segmentReader({ ...source, readsAhead: source.readsAhead ?? false });
  const spooler = new Spooler(target.bucket, target.random);
  const tails = new Map<string, SharedTail>();

  const tailOf = (pk: string): SharedTail => {
    const known = tails.get(pk);
    if (known !== undefined) return known;
    const tail = { writer: createTailWriter(target, { pk, spoolerFor: () => spooler }), age: 0 };
    tails.set(pk, tail);
    return tail;
  };

  return {
    partition: (place) => {
      const { sourcePk: pk, targetPk, relay } = place;
      const records =
        relay === undefined
          ? ownRecords(source, sealed, pk)
          : relayedRecords(sides, sealed, { pk, targetPk, region: relay, alias });
      const parts = { source, target, region: relay ?? alias, records, tail: tailOf(targetPk) };
      return mergedPartitionCopier(parts, place);
    },
  };
}

function mergedPartitionCopier(parts: MergedParts, place: CopyPlace): PartitionCopier {
  const { source, region, records, tail: shared } = parts;
  const { writer } = shared;
  let position: number | undefined;
  /** At which age of the tail the source's topic was looked at last. */
  let resumedAt: number | undefined;
  /** What of the target's tail the source is known to have too, by checksums: what was read last ends, and with which. */
  let known = new Map<number, number>();

  const diverged = async (reason: string, at: number, call: Call): Promise<CopyOutcome> => {
    const gone = await onSide('source', () => lookAtSourceTopic(source, place, call));
    return gone === undefined ? { kind: 'diverged', position: at, reason } : { ...gone, position: at };
  };

  /** Undefined: there is something to append, and nothing speaks against it. */
  const refusal = async (
    read: SourceOfOrigin,
    last: OriginEnd | undefined,
    call: Call,
  ): Promise<CopyOutcome | undefined> => {
    const copied = last?.endOffset ?? 0;
    switch (read.kind) {
      case 'endsBefore':
        return diverged(endsBefore(read.endOffset, copied), records.positionAt(copied), call);
      case 'missing':
        return { kind: 'missing', position: copied, sourceEnd: records.knownEnd, reason: read.reason };
      case 'atEnd':
        position = read.position;
        return { kind: 'caughtUp', position };
      case 'none':
        position = read.position;
        return nothingCopied(position);
      case 'batches':
        return refusalOf(read, last, call);
    }
  };

  /**
   * ⚑ The source's batch before the position must be the one that was copied last, whoever has copied it: at the first append
   * of a run, and whenever the tail tells of another one than this copier knows.
   */
  const refusalOf = async (
    { batches }: FoundBatches,
    last: OriginEnd | undefined,
    call: Call,
  ): Promise<CopyOutcome | undefined> => {
    const copied = last?.endOffset ?? 0;
    const at = records.positionAt(copied);
    const first = batches[0]?.header.baseOffset ?? copied;
    if (first < copied) {
      return diverged(`The source has a batch from ${first} on where the copy ends at ${copied}`, at, call);
    }
    if (resumedAt !== shared.age) {
      known.clear();
      const gone = await onSide('source', () => lookAtSourceTopic(source, place, call));
      if (gone !== undefined) return { ...gone, position: at };
    }
    if (last !== undefined && known.get(copied) !== last.crc) {
      if (!(await onSide('source', () => records.has(last, call)))) {
        const reason = `The batch before offset ${copied} is another one in the source than was copied`;
        return { kind: 'diverged', position: at, reason };
      }
    }
    resumedAt = shared.age;
    known = endsOf(batches, last);
    return undefined;
  };

  const nothingCopied = (at: number): CopyOutcome => {
    const sourceEnd = Math.max(records.knownEnd, at);
    return { kind: 'copied', position: at, bytes: 0, recordCount: 0, maxTimestampMs: -1, sourceEnd };
  };

  const attempt = async (
    before: Held | undefined,
    terms: CopyTerms,
    call: Call,
  ): Promise<CopyOutcome | Again> => {
    const tail = await onSide('target', () => writer.tail(call));
    const last = tail.origins?.get(region);
    const copied = last?.endOffset ?? 0;
    position = records.positionAt(copied);
    if (tail.closed) {
      // It may be opened again.
      writer.forget();
      return { kind: 'closed', position };
    }
    const bytesMax = Math.min(terms.bytesMax ?? LIMITS.chunkBytesMax, LIMITS.chunkBytesMax);
    const held = before?.copied === copied ? before : undefined;
    const read = held?.read ?? (await onSide('source', () => records.read(copied, bytesMax, call)));
    const refused = await refusal(read, last, call);
    if (refused !== undefined) return refused;
    if (read.kind !== 'batches') return { kind: 'again' };
    const content = { ...mergedContent(read.batches, region), uploaded: held?.uploaded };
    const put = await onSide('target', () => writer.put(content, terms, call));
    if (put.kind === 'stored') return stored(put, read);
    if (put.kind === 'lost') return { kind: 'again', held: { copied, read, uploaded: put.uploaded } };
    shared.age += 1;
    return { kind: 'again' };
  };

  const stored = (
    { chunk, bytes }: Extract<TailPut, { kind: 'stored' }>,
    { batches, gap }: FoundBatches,
  ): CopyOutcome => {
    const to = chunk.origin?.endOffset ?? 0;
    position = to;
    const recordCount = batches.reduce((total, { header }) => total + header.recordCount, 0);
    const { maxTimestampMs } = chunk;
    const sourceEnd = Math.max(records.knownEnd, to);
    const told = gap === undefined ? {} : { gap };
    return { kind: 'copied', position: to, bytes, recordCount, maxTimestampMs, sourceEnd, ...told };
  };

  const step = async (terms: CopyTerms, call: Call): Promise<CopyOutcome> => {
    let held: Held | undefined;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const outcome = await attempt(held, terms, call);
      if (outcome.kind !== 'again') return outcome;
      held = outcome.held;
    }
    // Others append faster than this one does; the next step goes on.
    return nothingCopied(position ?? 0);
  };

  return {
    get position() {
      return position;
    },
    copyOnce: async (terms, call) => {
      try {
        return await step(terms, call);
      } catch (fault) {
        if (!(fault instanceof SideFault)) throw fault;
        return { kind: 'failed', side: fault.side, fault: fault.fault };
      }
    },
  };
}

/** By where they end: checksums of batches that the source has. */
function endsOf(batches: FoundBatches['batches'], last: OriginEnd | undefined): Map<number, number> {
  const ends = new Map(last === undefined ? [] : [[last.endOffset, last.crc]]);
  for (const { header } of batches) ends.set(header.baseOffset + header.lastOffsetDelta + 1, header.crc);
  return ends;
}
