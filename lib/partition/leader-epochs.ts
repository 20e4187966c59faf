import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Random } from '../storage/random.ts';
import type { AttributeValue, Condition, Table } from '../storage/table.ts';

/** From `startOffset` on batches carry at least this leader epoch. */
export interface EpochStart {
  readonly leaderEpoch: number;
  readonly startOffset: number;
}

/** Sorts before the segments, out of the way of the query for the last one and the log start. */
export const EPOCHS_KEY = 'epochs';

/*
 * Item layout in the catalog: pk = topicId:partition, sk = epochs, and
 *
 *   f  format number   e  [[leader epoch, start offset], …], ascending; epoch 0 begins at 0 and is not listed
 */
export async function readLeaderEpochs(
  catalog: Table<string>,
  pk: string,
  call: Call,
): Promise<{ readonly epochs: readonly EpochStart[]; readonly version: string | undefined }> {
  const { item } = await catalog.get({ pk, sk: EPOCHS_KEY }, { consistent: true }, call);
  if (item === undefined) return { epochs: [], version: undefined };
  const epochs = new ItemReader('leader epochs', item).list('e').map((entry) => {
    const [leaderEpoch, startOffset] = Array.isArray(entry) ? (entry as readonly AttributeValue[]) : [];
    return { leaderEpoch: Number(leaderEpoch), startOffset: Number(startOffset) };
  });
  return { epochs, version: item.version };
}

/**
 * Notes where an epoch begins; noted again, the later note holds. A reader that holds a larger offset from an earlier
 * epoch has read records that are lost. False if somebody else changed the item.
 */
export async function noteLeaderEpoch(
  deps: { readonly catalog: Table<string>; readonly random: Random },
  pk: string,
  start: EpochStart,
  call: Call,
): Promise<boolean> {
  const { epochs, version } = await readLeaderEpochs(deps.catalog, pk, call);
  const before = epochs.filter(({ leaderEpoch }) => leaderEpoch < start.leaderEpoch);
  const item = {
    pk,
    sk: EPOCHS_KEY,
    version: deps.random.id(),
    attributes: {
      f: ITEM_FORMAT,
      e: [...before, start].map(({ leaderEpoch, startOffset }) => [leaderEpoch, startOffset]),
    },
  };
  const condition: Condition = version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version };
  return (await deps.catalog.put(item, { condition }, call)).stored;
}
