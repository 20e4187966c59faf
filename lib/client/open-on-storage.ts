import { LIMITS } from '../limits.ts';
import { openGroups } from '../open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../open-log.ts';
import { Meter } from '../storage/meter.ts';
import { type ClientParts, clientParts } from './client-parts.ts';
import { createMillrace, type Millrace } from './millrace.ts';

export interface OpenStorageOptions {
  readonly transactions?: NonNullable<ClientParts['transactions']>;
  /** Called when everything that uses the storage is closed. */
  readonly close: () => Promise<void>;
}

/** The engine on storage that is open already. */
export async function openOnStorage(storage: LogOptions, options: OpenStorageOptions): Promise<Millrace> {
  const { clock, random, codecs } = storage;
  const { transactions, close } = options;
  const meter = new Meter();
  const log = await openLog(storage, { meter, deadlineMs: clock.monotonicMs() + LIMITS.requestMsDefault });
  const groups = openGroups(engineParts(storage), log);
  const parts = clientParts({
    log,
    groups,
    codecs,
    clock,
    random,
    meter,
    ...(transactions === undefined ? {} : { transactions }),
  });
  return createMillrace(parts, close);
}
