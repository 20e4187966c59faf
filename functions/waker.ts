import { lambdaWaker } from '../lib/adapters/lambda/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { wakeFunction } from './wake-function.ts';

interface Wakes {
  /** Alias of this region. */
  readonly source: string;
  readonly targets: readonly { readonly region: string; readonly functionArn: string }[];
}

const environment = readEnvironment(process.env);
const { source, targets } = JSON.parse(process.env.MILLRACE_WAKES ?? '') as Wakes;

export const handler: (event: unknown) => Promise<void> = wakeFunction({
  wake: targets.map((target) => lambdaWaker(target, { wake: source })),
  clock: systemClock(),
  observer: observer({
    ...environment,
    service: 'waker',
    metricsService: 'replication',
    random: systemRandom().next,
  }),
});
