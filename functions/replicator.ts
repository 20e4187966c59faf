import type { Context } from 'aws-lambda';
import { dynamoClient, refuseReplicas } from '../lib/adapters/dynamodb/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import type { NewFlow } from '../lib/flows.ts';
import { openFlows } from '../lib/open-flows.ts';
import { engineParts } from '../lib/open-log.ts';
import { openErrands } from '../lib/replication/groups/open-errands.ts';
import { wasPromoted } from '../lib/replication/promotion/was-promoted.ts';
import { runFlow } from '../lib/replication/replicator.ts';
import { Meter } from '../lib/storage/meter.ts';
import { clusterIdOf } from '../lib/topic/cluster-id.ts';
import { deployedStorage } from './deployed-storage.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { type ReplicateEvent, type Replication, replicateFunction } from './replicate-function.ts';
import { retryingOnce } from './retrying-once.ts';
import { type SourceSettings, sourceRegions } from './source-regions.ts';

const environment = readEnvironment(process.env);
const { own, region, hotTable, catalogTable } = environment;
if (own === undefined) throw new Error('MILLRACE_REGION is not set');
const { MILLRACE_SOURCES = '[]', MILLRACE_FLOWS = '[]' } = process.env;
const clock = systemClock();
const random = systemRandom();
const watching = observer({
  ...environment,
  service: 'replicator',
  metricsService: 'replication',
  random: random.next,
});

const OPEN_MS = 10_000;

async function open(): Promise<Replication> {
  const storage = await deployedStorage(environment, { clock, random });
  await refuseReplicas(dynamoClient({ region }), [hotTable, catalogTable]);
  const target = engineParts(storage);
  const sources = sourceRegions({
    sources: JSON.parse(MILLRACE_SOURCES) as readonly SourceSettings[],
    own: { alias: own?.alias ?? '', region },
    clock,
    random,
    codecs: storage.codecs,
  });
  const alias = own?.alias ?? '';
  const errands = openErrands(target, { region: alias });
  const parts = { target, region: alias, sources, errands, onFault: watching.onFault };
  // Readers of a region in which nobody has created anything find what was copied there.
  await clusterIdOf(target, { meter: new Meter(), deadlineMs: clock.monotonicMs() + OPEN_MS });
  return {
    flows: openFlows(target, parts),
    run: (source, time) => runFlow(parts, source, time),
    wasPromoted: (source, call) => wasPromoted(target, source, call),
  };
}

export const handler: (event: ReplicateEvent, context: Context) => Promise<unknown> = replicateFunction({
  open: retryingOnce(open),
  declared: JSON.parse(MILLRACE_FLOWS) as readonly NewFlow[],
  clock,
  observer: watching,
});
