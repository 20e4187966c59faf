import type { Context } from 'aws-lambda';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { engineParts } from '../lib/open-log.ts';
import { createTaskPlanner } from '../lib/segment/tasks/task-planner.ts';
import { deployedStorage } from './deployed-storage.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { type PlanReport, planFunction } from './plan-function.ts';
import { retryingOnce } from './retrying-once.ts';
import { taskSender } from './task-sender.ts';

const environment = readEnvironment(process.env);
const clock = systemClock();
const random = systemRandom();

export const handler: (event: unknown, context: Context) => Promise<PlanReport> = planFunction({
  planner: retryingOnce(async () =>
    createTaskPlanner(engineParts(await deployedStorage(environment, { clock, random }))),
  ),
  send: taskSender(environment),
  clock,
  observer: observer({
    ...environment,
    service: 'planner',
    metricsService: 'maintenance',
    random: random.next,
  }),
});
