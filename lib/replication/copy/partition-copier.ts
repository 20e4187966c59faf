import { LIMITS } from '../../limits.ts';
import { Spooler } from '../../partition/spooler.ts';
import type { Tail } from '../../partition/tail.ts';
import type { SegmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { beginCopy } from './begin-copy.ts';
import { copyContent, endOf } from './compose-copy.ts';
import type { CopySides, PartitionCopier } from './copier.ts';
import type { CopyGap, CopyOutcome, CopyPlace, CopyTerms } from './copy-outcome.ts';
import { onSide, SideFault } from './on-side.ts';
import { type CopiedBatch, createCopyReader, type SourceRead } from './read-source.ts';
import { endsBefore, findDivergence } from './resume-check.ts';
import { lookAtSourceTopic } from './source-topic.ts';
import { createTailWriter, type TailPut, type TailWriter } from './tail-writer.ts';
import { isStillCopy } from './target-topic.ts';

/** What the copiers of one process share. */
export interface CopierParts extends CopySides {
  readonly sourceSealed: SegmentReader;
  readonly targetSealed: SegmentReader;
  readonly spooler: Spooler;
}

/** How often a step begins again because somebody else has copied, or a look has grown old. */
const TRIES_MAX = 8;

export function createPartitionCopier(parts: CopierParts, place: CopyPlace): PartitionCopier {
  const { target } = parts;
  const readable = { ...parts.source, rules: target.rules };
  const source = createCopyReader(readable, parts.sourceSealed, place.sourcePk);
  const copy = createCopyReader(target, parts.targetSealed, place.targetPk);
  const writer = copyWriter(parts, place.targetPk);
  /** Whether the batch copied last has been held against the source, since this copier began or slept. */
  let isResumed = false;
  let hasBegun = false;
  /** Of an answer to which nothing can be added: given again until somebody makes another copier. */
  let stopped: Extract<CopyOutcome, { kind: 'diverged' }> | undefined;

  /** The tail, once it is decided where the copy begins. */
  const tailOf = async (terms: CopyTerms, call: Call): Promise<Tail> => {
    if (writer.isOld) {
      // This process slept, or had nothing to do: the source may not be what it was.
      writer.forget();
      isResumed = false;
    }
    const isLook = writer.knownTail === undefined;
    // ⚑ What is found where this copier did not leave it, after a fault or a freeze, may be what others wrote.
    if (isLook) isResumed = false;
    let tail = await onSide('target', () => writer.tail(call));
    if (isLook && !target.rules.positionFromTail && terms.notedPosition !== undefined) {
      writer.pretend(terms.notedPosition);
      return writer.tail(call);
    }
    if (tail.offset > 0 || tail.closed || hasBegun) return tail;
    const begin = await beginCopy(parts, place, source, call);
    hasBegun = true;
    if (begin > 0) writer.forget();
    tail = await onSide('target', () => writer.tail(call));
    return tail;
  };

  const diverged = async (position: number, reason: string, call: Call): Promise<CopyOutcome> => {
    const gone = await onSide('source', () => lookAtSourceTopic(parts.source, place, call));
    if (gone !== undefined) return { ...gone, position };
    stopped = { kind: 'diverged', position, reason };
    return stopped;
  };

  /** Undefined: what was read may be appended. */
  const refusal = async (
    read: SourceRead,
    position: number,
    call: Call,
  ): Promise<CopyOutcome | undefined> => {
    if (read.kind === 'endsBefore') return diverged(position, endsBefore(read.endOffset, position), call);
    if (read.kind === 'atEnd') return { kind: 'caughtUp', position };
    const first = read.batches[0]?.header.baseOffset ?? position;
    if (first < position && target.rules.positionFromTail) {
      return diverged(
        position,
        `The source has a batch from ${first} on where the copy ends at ${position}`,
        call,
      );
    }
    return isResumed ? undefined : resume(position, call);
  };

  /** Undefined: nothing speaks against going on. */
  const resume = async (position: number, call: Call): Promise<CopyOutcome | undefined> => {
    const gone = await onSide('source', () => lookAtSourceTopic(parts.source, place, call));
    if (gone !== undefined) return { ...gone, position };
    const isCopy = await onSide('target', () => isStillCopy(target, place, call));
    if (!isCopy) return { kind: 'released', position };
    if (target.rules.positionFromTail && position > 0) {
      const reason = await findDivergence({ codecs: target.codecs, copy, source }, position, call);
      if (reason !== undefined) return diverged(position, reason, call);
    }
    isResumed = true;
    return undefined;
  };

  const attempt = async (terms: CopyTerms, call: Call): Promise<CopyOutcome | 'lost' | 'stale'> => {
    const tail = await tailOf(terms, call);
    const position = tail.offset;
    if (tail.closed) {
      // It may be opened again.
      writer.forget();
      return { kind: 'closed', position };
    }
    const bytesMax = Math.min(terms.bytesMax ?? LIMITS.chunkBytesMax, LIMITS.chunkBytesMax);
    const read = await onSide('source', () => source.read(position, bytesMax, call));
    const refused = await refusal(read, position, call);
    if (refused !== undefined) return refused;
    const batches = read.kind === 'batches' ? read.batches : [];
    const put = await onSide('target', () => writer.put(copyContent(batches, target.rules), terms, call));
    // ⚑ Where others write, because the topic is nobody's copy any more, nothing is added behind what they wrote.
    if (put.kind === 'stale' || isLostToOthers(put)) isResumed = false;
    if (put.kind !== 'stored') return put.kind;
    const { maxTimestampMs, endOffset } = put.chunk;
    const sourceEnd = Math.max(source.knownEnd, endOffset);
    const recordCount = batches.reduce((total, { header }) => total + header.recordCount, 0);
    const copied = {
      kind: 'copied',
      position: endOffset,
      bytes: put.bytes,
      recordCount,
      maxTimestampMs,
    } as const;
    const gap = trimmed(batches, position, source.logStart);
    return { ...copied, sourceEnd, ...(gap === undefined ? {} : { gap }) };
  };

  const step = async (terms: CopyTerms, call: Call): Promise<CopyOutcome> => {
    let outcome: CopyOutcome | 'lost' | 'stale' = 'lost';
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      outcome = await attempt(terms, call);
      if (typeof outcome !== 'string') return outcome;
    }
    if (outcome === 'stale') {
      const fault = new StorageFault('fenced', 'What the copy rests on was seen too long ago');
      return { kind: 'failed', side: 'target', fault };
    }
    // Others copy faster than this one does: so much the better.
    const { offset: position } = await onSide('target', () => writer.tail(call));
    const sourceEnd = Math.max(source.knownEnd, position);
    return { kind: 'copied', position, bytes: 0, recordCount: 0, maxTimestampMs: -1, sourceEnd };
  };

  return {
    get position() {
      return writer.knownTail?.offset;
    },
    copyOnce: async (terms, call) => {
      if (stopped !== undefined) return stopped;
      try {
        return await step(terms, call);
      } catch (fault) {
        if (!(fault instanceof SideFault)) throw fault;
        return { kind: 'failed', side: fault.side, fault: fault.fault };
      }
    },
  };
}

/** From here on an upload shares its object with no other partition's. */
const ALONE_BYTES_MIN = 1_048_576;

function copyWriter({ target, spooler }: CopierParts, pk: string): TailWriter {
  // The name of an object that one chunk fills says where that begins: sealing adopts it as it is.
  const spoolerFor = (bytes: number): Spooler =>
    bytes >= ALONE_BYTES_MIN ? new Spooler(target.bucket, target.random) : spooler;
  return createTailWriter(target, { pk, spoolerFor, atObservedTail: target.rules.copyAtObservedTail });
}

/** To what is no copy. */
function isLostToOthers(put: TailPut): boolean {
  return put.kind === 'lost' && put.standing?.keepsOffsets !== true;
}

/** Offsets below the source's log start that had not been copied before: holes of compaction are none of them. */
function trimmed(batches: readonly CopiedBatch[], position: number, logStart: number): CopyGap | undefined {
  const first = batches[0]?.header.baseOffset ?? endOf(batches);
  return first > position && logStart > position
    ? { from: position, to: Math.min(first, logStart) }
    : undefined;
}
