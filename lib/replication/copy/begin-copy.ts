import type { EngineParts } from '../../engine-parts.ts';
import type { CopyStart } from '../../flows.ts';
import { listOffset } from '../../partition/list-offsets.ts';
import { createPartitionState } from '../../partition/partition-state.ts';
import { beginLogAt, readLogStart } from '../../segment/log-start.ts';
import type { Call } from '../../storage/call.ts';
import type { CopySides } from './copier.ts';
import type { CopyPlace } from './copy-outcome.ts';
import { onSide } from './on-side.ts';
import type { CopyReader } from './read-source.ts';

/**
 * ⚑ Where the copy of a partition begins, as whoever was first has decided: the log start of the empty remote partition, which
 * makes it its tail. It is where a batch begins: that which holds the offset that was asked for.
 */
export async function beginCopy(
  sides: CopySides,
  { sourcePk, targetPk, start }: CopyPlace,
  source: CopyReader,
  call: Call,
): Promise<number> {
  const decided = await onSide('target', () => readLogStart(sides.target.catalog, targetPk, call));
  if (decided.version !== undefined) return decided.offset;
  const offset = await onSide('source', async () => {
    const wanted = await startOffset(sides.source, sourcePk, start, call);
    const { logStart, endOffset } = await source.ends(call);
    const from = Math.min(Math.max(wanted ?? endOffset, logStart), endOffset);
    const found = await source.read(from, 1, call);
    const first = found.kind === 'batches' ? found.batches[0]?.header.baseOffset : undefined;
    return Math.min(from, first ?? from);
  });
  return onSide('target', () => beginLogAt(sides.target, targetPk, offset, call));
}

/** Undefined: the source's end. */
async function startOffset(
  parts: EngineParts,
  pk: string,
  start: CopyStart,
  call: Call,
): Promise<number | undefined> {
  if (start === 'earliest') return 0;
  if (start === 'latest') return undefined;
  if ('offset' in start) return start.offset;
  const { timestampMs } = start;
  const partition = { pk, state: createPartitionState(parts.clock) };
  const { offset } = await listOffset(parts, partition, { timestampMs }, call);
  return offset === -1 ? undefined : offset;
}
