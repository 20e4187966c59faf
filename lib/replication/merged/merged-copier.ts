import { LIMITS } from '../../limits.ts';
import type { OriginEnd } from '../../partition/origins.ts';
import { Spooler } from '../../partition/spooler.ts';
import { type SegmentReader, segmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import type { Copier, CopySides, PartitionCopier } from '../copy/copier.ts';
import type { CopyGap, CopyOutcome, CopyPlace, CopyTerms } from '../copy/copy-outcome.ts';
import { onSide, SideFault } from '../copy/on-side.ts';
import { createCopyReader } from '../copy/read-source.ts';
import { endsBefore } from '../copy/resume-check.ts';
import { lookAtSourceTopic } from '../copy/source-topic.ts';
import { createTailWriter, type TailPut } from '../copy/tail-writer.ts';
import { mergedContent } from './compose-merged.ts';
import { createOwnReader, type OwnRead } from './own-reader.ts';

interface MergedParts extends CopySides {
  /** Alias of the source. */
  readonly region: string;
  readonly sourceSealed: SegmentReader;
  readonly spooler: Spooler;
}

/** Offsets of the source. */
interface Position {
  /** Behind what was copied last. */
  readonly copied: number;
  /** Where to go on reading. */
  readonly from: number;
  readonly last: OriginEnd | undefined;
}

/** How often a step begins again because something else was appended, or a look has grown old. */
const TRIES_MAX = 16;

/**
 * Copies what was produced in the source into the topic of the same name that is written in the target too. ⚑ The position
 * of a copy is what the target's tail says of the source, never a note. Positions in outcomes are offsets of the source;
 * copying always begins with its first record, whatever a place says.
 */
export function createMergedCopier({ source, target }: CopySides, region: string): Copier {
  const sourceSealed = segmentReader({ ...source, readsAhead: source.readsAhead ?? false });
  const parts = { source, target, region, sourceSealed, spooler: new Spooler(target.bucket, target.random) };
  return { partition: (place) => mergedPartitionCopier(parts, place) };
}

function mergedPartitionCopier(parts: MergedParts, place: CopyPlace): PartitionCopier {
  const { source, target, region } = parts;
  const reader = createOwnReader(source, parts.sourceSealed, place.sourcePk);
  const checker = createCopyReader(source, parts.sourceSealed, place.sourcePk);
  const writer = createTailWriter(target, { pk: place.targetPk, spoolerFor: () => parts.spooler });
  /** Offsets at which the source has nothing of its own: they need not be looked at again. */
  let passed: CopyGap = { from: 0, to: 0 };
  let position: number | undefined;
  let isResumed = false;

  const diverged = async (reason: string, at: number, call: Call): Promise<CopyOutcome> => {
    const gone = await onSide('source', () => lookAtSourceTopic(source, place, call));
    return gone === undefined ? { kind: 'diverged', position: at, reason } : { ...gone, position: at };
  };

  const passing = (to: number, copied: number): void => {
    passed = { from: copied, to };
    position = to;
  };

  /** Undefined: there is something to append, and nothing speaks against it. */
  const refusal = async (
    read: OwnRead,
    { copied, from, last }: Position,
    call: Call,
  ): Promise<CopyOutcome | undefined> => {
    switch (read.kind) {
      case 'endsBefore':
        return diverged(endsBefore(read.endOffset, copied), from, call);
      case 'atEnd':
        passing(read.offset, copied);
        return { kind: 'caughtUp', position: read.offset };
      case 'none':
        passing(read.before, copied);
        return nothingCopied(read.before);
      case 'batches':
        return refusalOf(read, { copied, from, last }, call);
    }
  };

  /** ⚑ Whether the source still has what was copied from it last; where it is trimmed, nothing can be said against it. */
  const isKnown = async ({ endOffset, crc }: OriginEnd, call: Call): Promise<boolean> => {
    const read = await onSide('source', () => checker.read(endOffset - 1, 1, call));
    const header = read.kind === 'batches' ? read.batches[0]?.header : undefined;
    if (header === undefined || header.baseOffset >= endOffset) return true;
    return header.crc === crc && header.baseOffset + header.lastOffsetDelta + 1 === endOffset;
  };

  const refusalOf = async (
    { batches }: Extract<OwnRead, { kind: 'batches' }>,
    { copied, from, last }: Position,
    call: Call,
  ): Promise<CopyOutcome | undefined> => {
    const first = batches[0]?.header.baseOffset ?? copied;
    if (first < copied) {
      return diverged(`The source has a batch from ${first} on where the copy ends at ${copied}`, from, call);
    }
    if (isResumed) return undefined;
    const gone = await onSide('source', () => lookAtSourceTopic(source, place, call));
    if (gone !== undefined) return { ...gone, position: from };
    if (last !== undefined && !(await isKnown(last, call))) {
      const reason = `The batch before offset ${copied} is another one in the source than was copied`;
      return { kind: 'diverged', position: from, reason };
    }
    isResumed = true;
    return undefined;
  };

  const nothingCopied = (at: number): CopyOutcome => {
    const sourceEnd = Math.max(reader.knownEnd, at);
    return { kind: 'copied', position: at, bytes: 0, recordCount: 0, maxTimestampMs: -1, sourceEnd };
  };

  /** Undefined: to be tried again. */
  const attempt = async (terms: CopyTerms, call: Call): Promise<CopyOutcome | undefined> => {
    const tail = await onSide('target', () => writer.tail(call));
    const last = tail.origins?.get(region);
    const copied = last?.endOffset ?? 0;
    const from = passed.from <= copied && copied <= passed.to ? passed.to : copied;
    position = from;
    if (tail.closed) {
      // It may be opened again.
      writer.forget();
      return { kind: 'closed', position: from };
    }
    const bytesMax = Math.min(terms.bytesMax ?? LIMITS.chunkBytesMax, LIMITS.chunkBytesMax);
    const read = await onSide('source', () => reader.read(from, bytesMax, call));
    const refused = await refusal(read, { copied, from, last }, call);
    if (refused !== undefined || read.kind !== 'batches') return refused;
    const put = await onSide('target', () => writer.put(mergedContent(read.batches, region), terms, call));
    if (put.kind === 'stale') isResumed = false;
    if (put.kind !== 'stored') return undefined;
    return stored(put, read);
  };

  const stored = (
    { chunk, bytes }: Extract<TailPut, { kind: 'stored' }>,
    { batches, trimmedFrom }: Extract<OwnRead, { kind: 'batches' }>,
  ): CopyOutcome => {
    const to = chunk.origin?.endOffset ?? 0;
    position = to;
    const recordCount = batches.reduce((total, { header }) => total + header.recordCount, 0);
    const first = batches[0]?.header.baseOffset ?? to;
    const gap =
      trimmedFrom === undefined || first <= trimmedFrom ? {} : { gap: { from: trimmedFrom, to: first } };
    const { maxTimestampMs } = chunk;
    const sourceEnd = Math.max(reader.knownEnd, to);
    return { kind: 'copied', position: to, bytes, recordCount, maxTimestampMs, sourceEnd, ...gap };
  };

  const step = async (terms: CopyTerms, call: Call): Promise<CopyOutcome> => {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const outcome = await attempt(terms, call);
      if (outcome !== undefined) return outcome;
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
