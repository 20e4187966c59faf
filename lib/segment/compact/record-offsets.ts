import { MillraceError } from '../../errors.ts';
import type { BatchIn } from '../../record/batches-in.ts';
import type { Codecs } from '../../record/codecs.ts';
import { openSection } from '../../record/decode-batch.ts';
import { type RecordView, walkRecords } from '../../record/walk-records.ts';

/**
 * Goes through the records of a batch with their offsets, copying nothing. Throws CORRUPT_MESSAGE where they are no
 * records of this batch in offset order, and what `openSection` throws.
 */
export function walkOffsets(
  codecs: Codecs,
  { header, bytes }: BatchIn,
  visit: (view: RecordView, offset: number) => void,
): void {
  const { baseOffset, lastOffsetDelta } = header;
  let last = -1;
  walkRecords(openSection(codecs, bytes, header), header.recordCount, (view) => {
    const { offsetDelta } = view;
    if (offsetDelta <= last || offsetDelta > lastOffsetDelta) {
      throw new MillraceError(
        'CORRUPT_MESSAGE',
        `record ${offsetDelta} follows ${last} in a batch that ends at ${lastOffsetDelta}`,
      );
    }
    last = offsetDelta;
    visit(view, baseOffset + offsetDelta);
  });
}
