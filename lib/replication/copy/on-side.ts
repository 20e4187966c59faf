import { MillraceError } from '../../errors.ts';
import { StorageFault } from '../../storage/fault.ts';

/** Storage failed in one of the two regions. */
export class SideFault extends Error {
  override readonly name = 'SideFault';
  readonly side: 'source' | 'target';
  readonly fault: StorageFault;

  constructor(side: 'source' | 'target', fault: StorageFault) {
    super(`${side}: ${fault.message}`, { cause: fault });
    this.side = side;
    this.fault = fault;
  }
}

/** Runs what asks one region's storage. Batches that cannot be read are damage there. Throws `SideFault`. */
export async function onSide<T>(side: 'source' | 'target', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof StorageFault) throw new SideFault(side, fault);
    if (fault instanceof MillraceError && fault.code !== 'OFFSET_OUT_OF_RANGE') {
      throw new SideFault(side, new StorageFault('damaged', fault.message, { cause: fault }));
    }
    throw fault;
  }
}
