import { MillraceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { readInt32 } from '../../record/big-endian.ts';
import { verifyBatchCrc } from '../../record/checksum.ts';
import {
  AT,
  type BatchHeader,
  HEADER_BYTES,
  LOG_OVERHEAD_BYTES,
  readBatchHeader,
} from '../../record/header.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type PartitionToVerify, soon, type VerifyDependencies } from './partition-to-verify.ts';

/** What is read of an object at once. */
const WINDOW_BYTES = 4_194_304;

export interface FoundBatch {
  readonly header: BatchHeader;
  /** In the object. */
  readonly position: number;
}

/** A stretch of an object; without `mayGoOn` the object must end where it does. */
export interface Stretch {
  readonly key: string;
  readonly start: number;
  readonly length: number;
  readonly mayGoOn: boolean;
  /** Of the first record, for messages. */
  readonly offset: number;
}

/**
 * The batches of a stretch one after another, each checked for its checksum, a window of bytes at a time. Says what is
 * wrong and ends where the bytes do not go on as batches; never throws for damage.
 */
export async function* objectBatches(
  deps: VerifyDependencies,
  partition: PartitionToVerify,
  stretch: Stretch,
): AsyncGenerator<FoundBatch> {
  const { find, counts, tick } = partition;
  const { key, start, length, offset } = stretch;
  let rest: Uint8Array = new Uint8Array(0);
  let read = 0;
  for (;;) {
    const found = takeBatch(rest);
    if (found.kind === 'batch') {
      const position = start + read - rest.length;
      const bytes = rest.subarray(0, found.header.batchBytes);
      checkCrc(deps, partition, bytes, `Object ${key}, byte ${position}`);
      counts.batchCount += 1;
      counts.recordCount += found.header.recordCount;
      counts.bytes += bytes.length;
      yield { header: found.header, position };
      rest = rest.subarray(bytes.length);
      continue;
    }
    if (found.kind === 'damaged') {
      return find(
        'batch-format',
        `Object ${key}, byte ${start + read - rest.length}: ${found.reason}`,
        offset,
      );
    }
    if (read === length) {
      if (rest.length > 0) find('batch-format', `Object ${key} ends in the middle of a batch`, offset);
      return;
    }
    tick();
    const wanted = Math.min(WINDOW_BYTES, length - read);
    const window = await readWindow(
      deps,
      partition,
      { ...stretch, start: start + read, length: wanted },
      read + wanted === length,
    );
    if (window === undefined) return;
    rest = rest.length === 0 ? window : Buffer.concat([rest, window]);
    read += wanted;
  }
}

/** Tells whether a stretch ended before its end: then what was not seen of it is no further finding. */
export function watchingForCuts(partition: PartitionToVerify): {
  readonly partition: PartitionToVerify;
  isCut(): boolean;
} {
  let isCut = false;
  const find: PartitionToVerify['find'] = (name, ...rest) => {
    isCut ||= name === 'object-missing' || name === 'object-size' || name === 'batch-format';
    partition.find(name, ...rest);
  };
  return { partition: { ...partition, find }, isCut: () => isCut };
}

type Taken =
  | { readonly kind: 'batch'; readonly header: BatchHeader }
  | { readonly kind: 'more' }
  | { readonly kind: 'damaged'; readonly reason: string };

function takeBatch(bytes: Uint8Array): Taken {
  if (bytes.length < HEADER_BYTES) return { kind: 'more' };
  const batchBytes = readInt32(bytes, AT.batchLength) + LOG_OVERHEAD_BYTES;
  if (batchBytes > LIMITS.chunkBytesMax) {
    return { kind: 'damaged', reason: `a batch of ${batchBytes} bytes cannot have been written` };
  }
  if (batchBytes >= HEADER_BYTES && batchBytes > bytes.length) return { kind: 'more' };
  try {
    return { kind: 'batch', header: readBatchHeader(bytes) };
  } catch (fault) {
    if (!(fault instanceof MillraceError)) throw fault;
    return { kind: 'damaged', reason: fault.message };
  }
}

/** Undefined if it is not wholly there, which has been told. */
async function readWindow(
  deps: VerifyDependencies,
  { find, call }: PartitionToVerify,
  stretch: Stretch,
  isLast: boolean,
): Promise<Uint8Array | undefined> {
  const { key, start, length, mayGoOn, offset } = stretch;
  // One more byte than there should be tells whether the object goes on.
  const more = isLast && !mayGoOn ? 1 : 0;
  const bytes = await readRangeOf(deps, { key, start, length: length + more }, call);
  if (bytes === undefined) find('object-missing', `Object ${key} is missing`, offset);
  else if (bytes.length < length) {
    find('object-size', `Object ${key} ends at ${start + bytes.length}, before ${start + length}`, offset);
  } else if (bytes.length > length) {
    find('object-size', `Object ${key} is longer than ${start + length} bytes`, offset);
    return bytes.subarray(0, length);
  } else return bytes;
  return undefined;
}

async function readRangeOf(
  deps: VerifyDependencies,
  { key, start, length }: { readonly key: string; readonly start: number; readonly length: number },
  call: Call,
): Promise<Uint8Array | undefined> {
  try {
    return await deps.bucket.get(key, { start, length }, soon(deps, call));
  } catch (fault) {
    // A range that begins behind the object's end.
    if (fault instanceof StorageFault && fault.kind === 'damaged') return new Uint8Array(0);
    throw fault;
  }
}

export function checkCrc(
  { codecs }: VerifyDependencies,
  { find }: PartitionToVerify,
  batch: Uint8Array,
  where: string,
): void {
  try {
    verifyBatchCrc(codecs, batch);
  } catch (fault) {
    if (!(fault instanceof MillraceError)) throw fault;
    find('batch-checksum', `${where}: ${fault.message}`, readBatchHeader(batch).baseOffset);
  }
}
