import { join, resolve } from 'node:path';
import { openDirectoryBucket } from '../adapters/directory/index.ts';
import { openSqliteTables } from '../adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../adapters/system/index.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { Flows } from '../flows.ts';
import type { Groups } from '../groups.ts';
import { createHttpHandler } from '../http/handler.ts';
import { loadOpenApi } from '../http/load-openapi.ts';
import { startNodeServer } from '../http/node-server.ts';
import { ALL_ROUTES } from '../http/routes.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import { openMaintenance } from '../maintenance.ts';
import { openFlows } from '../open-flows.ts';
import { openGroups } from '../open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../open-log.ts';
import { openRegion } from '../open-region.ts';
import { openTranslation } from '../open-translation.ts';
import { loadCodecs } from '../record/codecs.ts';
import { openErrands } from '../replication/groups/open-errands.ts';
import type { Sources } from '../replication/source-region.ts';
import { Meter } from '../storage/meter.ts';
import { createGathering } from './gathering.ts';
import { startReplication } from './replication.ts';
import type { LocalSettings } from './settings.ts';
import { startUpkeep } from './upkeep.ts';

export interface LocalNode {
  readonly url: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly log: Log;
  readonly groups: Groups;
  readonly flows: Flows;
  readonly parts: EngineParts;
  /** Ends its flows' copying until it is started anew. */
  stopCopying(): Promise<void>;
  /** Finishes what is in flight, then gives the data directory free. */
  close(): Promise<void>;
}

/** Which region a node is, among those that copy from each other. */
export interface LocalRegion {
  readonly alias: string;
  /** From 0 on: producer ids carry it. */
  readonly number: number;
  readonly sources: Sources;
}

export interface LocalNodeOptions extends LocalSettings {
  /** @default `local`, which knows no other */
  readonly region?: LocalRegion;
  /** Told of whatever went wrong without being anybody's answer. @default standard error */
  readonly onFault?: (doing: string, cause: unknown) => void;
}

const ALONE: LocalRegion = { alias: 'local', number: 0, sources: async () => undefined };

/**
 * The whole of Millrace in this process: tables in one SQLite file, objects in a directory, the HTTP API in front.
 * Throws `StorageFault` (`refused`: another process has the directory, it cannot be written, its format is newer) and
 * `ListenError`; then nothing stays open.
 */
export async function startLocalNode(options: LocalNodeOptions): Promise<LocalNode> {
  const { onFault = logFault, region = ALONE } = options;
  const clock = systemClock();
  const random = systemRandom();
  const dataDir = resolve(options.dataDir);
  const codecs = await loadCodecs();
  // The tables first: their lock covers the objects too.
  const tables = openSqliteTables({ path: join(dataDir, 'millrace.sqlite'), clock });
  try {
    const bucket = openDirectoryBucket({ path: join(dataDir, 'objects'), clock, random });
    const { arrived, gather } = createGathering();
    const { hot, catalog } = tables;
    const regionNumber = region.number;
    const ports = { hot, catalog, bucket, clock, random, codecs };
    const storage: LogOptions = { ...ports, gather, readsAhead: true, regionNumber };
    const firstCall = { meter: new Meter(), deadlineMs: clock.monotonicMs() + LIMITS.requestMsDefault };
    const log = await openLog(storage, firstCall);
    const parts = engineParts(storage);
    const groups = openGroups(parts, log);
    const copying = { region: region.alias, sources: region.sources };
    const flows = openFlows(parts, copying);
    let stopping = false;
    const handler = createHttpHandler({
      log,
      groups,
      catalog: parts.catalog,
      maintenance: openMaintenance(parts),
      region: openRegion(parts),
      openApi: loadOpenApi,
      routes: ALL_ROUTES,
      ...(options.region === undefined ? {} : { flows, translation: openTranslation(parts, copying) }),
      codecs,
      clock,
      random,
      ...(options.dialect === undefined ? {} : { dialect: options.dialect }),
      onFault: ({ method, path, cause }) => onFault(`${method} ${path}`, cause),
      notReady: () => (stopping ? 'The node is stopping' : undefined),
    });
    const { host, port } = options;
    const server = await startNodeServer({
      handler: (request, context) => {
        arrived();
        return handler(request, context);
      },
      clock,
      host,
      port,
    });
    const upkeep = startUpkeep({ parts, expiry: tables, clock, onFault });
    const replication = startReplication({
      target: parts,
      ...copying,
      errands: openErrands(parts, copying),
      onFault: (cause, doing) => onFault(doing, cause),
    });
    return {
      url: server.url,
      dataDir,
      log,
      groups,
      flows,
      parts,
      stopCopying: () => replication.stop(),
      close: async () => {
        stopping = true;
        await Promise.all([server.close(), upkeep.stop(), replication.stop()]);
        tables.close();
      },
    };
  } catch (error) {
    tables.close();
    throw error;
  }
}

function logFault(doing: string, cause: unknown): void {
  console.error(`millrace fault: ${doing}:`, cause);
}
