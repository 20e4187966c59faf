import type { Usage } from '../../storage/meter.ts';
import { deleteUsage, putUsage, readUsage } from '../../storage/units.ts';

/**
 * What an embedded call would cost on AWS. SQLite keeps chunks of up to 256 KiB inline, but on DynamoDB anything above
 * the break-even of about 8 KiB would have become an object and a small item that points to it. So an item above that is
 * charged as one object PUT and the units of such a pointer item, and when it is read as one object GET and its share
 * of the page. It is an estimate: there several chunks may share an object, and neighbours may be read with one GET.
 */
const SPILLED_ABOVE_BYTES = 8_192;
const POINTER_ITEM_BYTES = 512;

export function isSpilledOnAws(itemBytes: number): boolean {
  return itemBytes > SPILLED_ABOVE_BYTES;
}

/** The size of what would lie in DynamoDB. */
export function billedBytes(itemBytes: number): number {
  return isSpilledOnAws(itemBytes) ? POINTER_ITEM_BYTES : itemBytes;
}

export function putReceipt(put: {
  readonly stored: boolean;
  readonly itemBytes: number;
  readonly standingBytes: number;
}): Partial<Usage> {
  return {
    ...putUsage({
      stored: put.stored,
      itemBytes: billedBytes(put.itemBytes),
      standingBytes: billedBytes(put.standingBytes),
    }),
    // A writer that loses tries again elsewhere with the object it has uploaded.
    objectPuts: put.stored && isSpilledOnAws(put.itemBytes) ? 1 : 0,
    bytesWritten: put.stored ? put.itemBytes : 0,
    bytesRead: put.stored ? 0 : put.standingBytes,
  };
}

export function deleteReceipt(removal: {
  readonly deleted: boolean;
  readonly standingBytes: number;
}): Partial<Usage> {
  return deleteUsage({ ...removal, standingBytes: billedBytes(removal.standingBytes) });
}

/** A get or a query page that answered items of these sizes in all. */
export function readReceipt(
  read: { readonly bytes: number; readonly billedBytes: number; readonly spilledCount: number },
  options: { readonly consistent: boolean },
): Partial<Usage> {
  return { ...readUsage(read.billedBytes, options), bytesRead: read.bytes, objectGets: read.spilledCount };
}
