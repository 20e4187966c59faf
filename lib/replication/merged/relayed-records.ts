import { readTail } from '../../partition/tail.ts';
import { readLogStart } from '../../segment/log-start.ts';
import type { SegmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { CopySides } from '../copy/copier.ts';
import type { CopyGap } from '../copy/copy-outcome.ts';
import { onSide } from '../copy/on-side.ts';
import type { Flow } from '../flows/flow-item.ts';
import { listFlows } from '../flows/flow-store.ts';
import { notePassedOver, passedOver } from '../topics/passed-over.ts';
import { createOriginReader, type OriginPlace, type OriginRead } from './origin-reader.ts';
import type { OriginSource, SourceOfOrigin } from './origin-source.ts';
import { firstFrom, originsAt, type SeenLog } from './origins-at.ts';

/** Where to go on, and what had been trimmed there. */
interface Located {
  readonly place: OriginPlace;
  readonly gap?: CopyGap;
  /** Set where that is the end of the log, by a look just now. */
  readonly isEnd?: true;
}

interface RelayedPartition {
  readonly pk: string;
  readonly targetPk: string;
  readonly region: string;
  /** Of the source. */
  readonly alias: string;
}

type FoundBatches = Extract<SourceOfOrigin, { readonly kind: 'batches' }>;

/** How often the log may be trimmed, or set back, under a read. */
const LOOKS_MAX = 4;

/**
 * What the source has of another region, to be copied on in its stead. They stand there in the order in which they were
 * produced, so that where one of them stands tells where to look for the next.
 *
 * ⚑ What the source has trimmed of them the region itself may still have, or another that relays it: it is passed over only
 * where no flow into the target exists from there, and no other that relays it, which is to say that nobody waits for it any
 * more. Retention leaves behind how far the log had come
 * with each region; a log that was trimmed on request may not tell whether it had records between two offsets of another
 * region, and is then taken to have had some. ⚑ What was passed over is noted before anything behind it is stored: who relays
 * from there in turn could not tell it from offsets at which the region had nothing of its own.
 */
export function relayedRecords(
  { source, target }: CopySides,
  sealed: SegmentReader,
  { pk, targetPk, region, alias }: RelayedPartition,
): OriginSource {
  const reader = createOriginReader(source, sealed, { pk, region });
  let located: Located | undefined;
  /** Behind what was read last. */
  let ahead: OriginPlace | undefined;
  let knownEnd = 0;

  const look = async (call: Call): Promise<SeenLog> => {
    const log = { pk, ...(await readTail(source, pk, source.rules, call)) };
    knownEnd = Math.max(knownEnd, endIn(log, region));
    reader.learn(log.bounds, log.tail.offset);
    return log;
  };

  const locate = async (sequence: number, call: Call): Promise<Located> => {
    const log = await look(call);
    if (endIn(log, region) <= sequence) {
      return { place: { offset: log.tail.offset, sequence }, isEnd: true };
    }
    const { logStart } = log.bounds;
    const begin = logStart === 0 ? 0 : await trimmedTo(log, call);
    if (begin > sequence) {
      return { place: { offset: logStart, sequence }, gap: { from: sequence, to: begin } };
    }
    const offset = await firstFrom(source, log, { region, sourceOffset: sequence }, call);
    return { place: { offset: Math.max(offset, logStart), sequence } };
  };

  /** What the region has produced before this offset of there may have been trimmed; nothing behind it. */
  const trimmedTo = async (log: SeenLog, call: Call): Promise<number> => {
    const { logStart } = log.bounds;
    const { before } = await readLogStart(source.catalog, pk, call);
    if (before?.offset === logStart) return before.origins.get(region)?.endOffset ?? 0;
    return (await originsAt(source, log, logStart, call)).get(region) ?? 0;
  };

  const placeOf = async (copied: number, call: Call): Promise<Located> => {
    if (ahead !== undefined && copied >= ahead.sequence) {
      located = { place: ahead };
      ahead = undefined;
    }
    const isOf = located !== undefined && located.place.sequence <= copied;
    const isPassed = located?.gap !== undefined && located.gap.from < copied;
    if (located === undefined || !isOf || isPassed) located = await locate(copied, call);
    return located;
  };

  /** Undefined: to be looked at anew. */
  const seenOf = (read: OriginRead, copied: number, gap: CopyGap | undefined): SourceOfOrigin | undefined => {
    if (read.trimmedFrom !== undefined || read.kind === 'endsBefore') {
      located = undefined;
      ahead = undefined;
      return undefined;
    }
    const gone = gap === undefined ? {} : { gap };
    switch (read.kind) {
      case 'batches': {
        located = { place: { offset: read.from, sequence: copied }, ...gone };
        const last = read.batches.at(-1)?.header;
        const sequence = last === undefined ? copied : last.baseOffset + last.lastOffsetDelta + 1;
        ahead = { offset: read.to, sequence };
        knownEnd = Math.max(knownEnd, sequence);
        return { kind: 'batches', batches: read.batches, ...gone };
      }
      case 'atEnd':
        located = { place: { offset: read.offset, sequence: copied }, ...gone };
        return { kind: 'atEnd', position: copied };
      case 'none':
        located = { place: { offset: read.before, sequence: copied }, ...gone };
        return { kind: 'none', position: copied };
    }
  };

  /** Undefined: nobody waits for what is missing. */
  const refusal = async (gap: CopyGap | undefined, call: Call): Promise<SourceOfOrigin | undefined> => {
    if (gap === undefined) return undefined;
    const flows = await onSide('target', () => listFlows(target, call));
    const isOther = (flow: Flow): boolean => flow.source !== alias && flow.relays.includes(region);
    const other = flows.find((flow) => flow.source === region) ?? flows.find(isOther);
    if (other === undefined) return undefined;
    located = undefined;
    ahead = undefined;
    return { kind: 'missing', reason: missing(region, gap, other.source) };
  };

  /** Whether what was found may be stored. */
  const settled = async (found: FoundBatches, copied: number, call: Call): Promise<SourceOfOrigin> => {
    const first = found.batches[0]?.header.baseOffset ?? copied;
    const passed = first > copied ? await passedOver(source, { pk, region }, call) : undefined;
    const there = passed === undefined ? undefined : common(passed, { from: copied, to: first });
    const gap = both(found.gap, there);
    if (gap === undefined) return found;
    const refused = found.gap === undefined ? await refusal(gap, call) : undefined;
    if (refused !== undefined) return refused;
    await onSide('target', () => notePassedOver(target, { pk: targetPk, region }, gap, call));
    return { ...found, gap };
  };

  return {
    positionAt: (copied) => copied,
    read: async (copied, bytesMax, call) => {
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        const { place, gap, isEnd } = await placeOf(copied, call);
        if (isEnd) {
          located = { place };
          return { kind: 'atEnd', position: copied };
        }
        const refused = await refusal(gap, call);
        if (refused !== undefined) return refused;
        const read = await reader.read({ offset: place.offset, sequence: copied }, bytesMax, call);
        const seen = seenOf(read, copied, gap);
        if (seen?.kind === 'batches') return settled(seen, copied, call);
        if (seen !== undefined) return seen;
      }
      throw new StorageFault('throttled', `Partition ${pk} is trimmed on during every look`);
    },
    has: async ({ endOffset, crc }, call) => {
      const log = await look(call);
      if (endIn(log, region) < endOffset) return true;
      const wanted = { region, sourceOffset: endOffset - 1 };
      const offset = Math.max(await firstFrom(source, log, wanted, call), log.bounds.logStart);
      const read = await reader.read({ offset, sequence: endOffset - 1 }, 1, call);
      const header = read.kind === 'batches' ? read.batches[0]?.header : undefined;
      if (header === undefined || header.baseOffset >= endOffset) return true;
      return header.crc === crc && header.baseOffset + header.lastOffsetDelta + 1 === endOffset;
    },
    get knownEnd() {
      return knownEnd;
    },
  };
}

/** What two ranges have in common. */
function common(one: CopyGap, other: CopyGap): CopyGap | undefined {
  const from = Math.max(one.from, other.from);
  const to = Math.min(one.to, other.to);
  return from < to ? { from, to } : undefined;
}

/** From where the first begins to where the last ends. */
function both(one: CopyGap | undefined, other: CopyGap | undefined): CopyGap | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) };
}

function endIn({ tail }: Pick<SeenLog, 'tail'>, region: string): number {
  return tail.origins?.get(region)?.endOffset ?? 0;
}

function missing(region: string, { from, to }: CopyGap, other: string): string {
  const what = `The source may have deleted records of '${region}' between offsets ${from} and ${to} of there.`;
  return other === region
    ? `${what} They come when '${region}' is back; to go on without them, delete the flow from there`
    : `${what} They come from '${other}' if it has them; to go on without them, let the flow from there relay '${region}' no more`;
}
