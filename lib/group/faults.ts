import { storageError } from '../partition/faults.ts';
import { StorageFault } from '../storage/fault.ts';

/** Storage's faults become Kafka's errors here, once, with their cause. */
export async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    throw fault instanceof StorageFault ? storageError(fault) : fault;
  }
}
