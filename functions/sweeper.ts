import type { Context } from 'aws-lambda';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { engineParts } from '../lib/open-log.ts';
import { deployedStorage } from './deployed-storage.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { retryingOnce } from './retrying-once.ts';
import { type SweepFunctionReport, sweepFunction } from './sweep-function.ts';

const environment = readEnvironment(process.env);
const clock = systemClock();
const random = systemRandom();

export const handler: (event: unknown, context: Context) => Promise<SweepFunctionReport> = sweepFunction({
  engine: retryingOnce(async () => engineParts(await deployedStorage(environment, { clock, random }))),
  clock,
  observer: observer({
    ...environment,
    service: 'sweeper',
    metricsService: 'maintenance',
    random: random.next,
  }),
});
