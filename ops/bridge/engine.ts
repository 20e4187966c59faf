import { openMillrace } from '../../lib/client/open-millrace.ts';
import type { Groups } from '../../lib/groups.ts';
import type { Log } from '../../lib/log.ts';
import { openGroups } from '../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../lib/open-log.ts';
import type { Codecs } from '../../lib/record/index.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import type { Place } from '../arguments.ts';
import { openStorage } from '../open-storage.ts';

/** Millrace as the bridge sees it: the engine, because a producer of the library cannot name the offset it expects. */
export interface Engine {
  readonly log: Log;
  readonly groups: Groups;
  readonly codecs: Codecs;
  newCall(): Call;
  close(): void;
}

const CALL_MS = 25_000;

/** A data directory is made if it is not there. Throws `StorageFault` as `openStorage`. */
export async function openEngine(place: Place): Promise<Engine> {
  if (place.kind === 'local') await (await openMillrace({ dataDir: place.dataDir })).close();
  const open = await openStorage(place);
  try {
    return { ...(await engineOn(open.storage)), close: () => open.close() };
  } catch (error) {
    open.close();
    throw error;
  }
}

/** Any number of engines may share a storage. */
export async function engineOn(storage: LogOptions): Promise<Omit<Engine, 'close'>> {
  const meter = new Meter();
  const newCall = (): Call => ({ meter, deadlineMs: storage.clock.monotonicMs() + CALL_MS });
  const log = await openLog(storage, newCall());
  return { log, groups: openGroups(engineParts(storage), log), codecs: storage.codecs, newCall };
}
