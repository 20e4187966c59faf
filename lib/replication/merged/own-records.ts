import type { EngineParts } from '../../engine-parts.ts';
import type { SegmentReader } from '../../segment/read/segment-reader.ts';
import type { CopyGap } from '../copy/copy-outcome.ts';
import { createCopyReader } from '../copy/read-source.ts';
import { createOriginReader, type OriginRead } from './origin-reader.ts';
import type { OriginSource } from './origin-source.ts';

/** What was produced in the source itself. Offsets at which it has copies count as copied once they were passed over. */
export function ownRecords(source: EngineParts, sealed: SegmentReader, pk: string): OriginSource {
  const reader = createOriginReader(source, sealed, { pk });
  const checker = createCopyReader(source, sealed, pk);
  /** Offsets at which the source has nothing of its own: they need not be looked at again. */
  let passed: CopyGap = { from: 0, to: 0 };

  const positionAt = (copied: number): number =>
    passed.from <= copied && copied <= passed.to ? passed.to : copied;

  return {
    positionAt,
    read: async (copied, bytesMax, call) => {
      const from = positionAt(copied);
      const read = await reader.read({ offset: from, sequence: from }, bytesMax, call);
      switch (read.kind) {
        case 'batches':
          return { kind: 'batches', batches: read.batches, ...gapOf(read) };
        case 'endsBefore':
          return { kind: 'endsBefore', endOffset: read.endOffset };
        case 'atEnd':
          passed = { from: copied, to: read.offset };
          return { kind: 'atEnd', position: read.offset };
        case 'none':
          passed = { from: copied, to: read.before };
          return { kind: 'none', position: read.before };
      }
    },
    has: async ({ endOffset, crc }, call) => {
      const read = await checker.read(endOffset - 1, 1, call);
      const header = read.kind === 'batches' ? read.batches[0]?.header : undefined;
      if (header === undefined || header.baseOffset >= endOffset) return true;
      return header.crc === crc && header.baseOffset + header.lastOffsetDelta + 1 === endOffset;
    },
    get knownEnd() {
      return reader.knownEnd;
    },
  };
}

function gapOf({ from: first, trimmedFrom }: Extract<OriginRead, { readonly kind: 'batches' }>): {
  readonly gap?: CopyGap;
} {
  return trimmedFrom === undefined || first <= trimmedFrom ? {} : { gap: { from: trimmedFrom, to: first } };
}
