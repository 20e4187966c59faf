import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { engineParts } from '../lib/open-log.ts';
import { deployedStorage } from './deployed-storage.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { retryingOnce } from './retrying-once.ts';
import { taskSender } from './task-sender.ts';
import { workFunction } from './work-function.ts';

const environment = readEnvironment(process.env);
const clock = systemClock();
const random = systemRandom();

export const handler: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse> = workFunction({
  engine: retryingOnce(async () => engineParts(await deployedStorage(environment, { clock, random }))),
  send: taskSender(environment),
  clock,
  observer: observer({
    ...environment,
    service: 'worker',
    metricsService: 'maintenance',
    random: random.next,
  }),
});
