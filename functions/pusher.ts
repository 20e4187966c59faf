import type { Context } from 'aws-lambda';
import { lambdaClient, lambdaInvoker } from '../lib/adapters/lambda/index.ts';
import { sqsClient, sqsSender } from '../lib/adapters/sqs/index.ts';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { openGroups } from '../lib/open-groups.ts';
import { engineParts, openLog } from '../lib/open-log.ts';
import type { PushReport, PushRunParts } from '../lib/push/push-runner.ts';
import { readPushSettings } from '../lib/push/push-settings.ts';
import type { Call } from '../lib/storage/call.ts';
import { storedClusterId } from '../lib/topic/cluster-id.ts';
import { deployedStorage } from './deployed-storage.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { pushFunction } from './push-function.ts';
import { retryingOnce } from './retrying-once.ts';

const environment = readEnvironment(process.env);
const { MILLRACE_PUSH = '', MILLRACE_PUSH_DEAD_LETTERS_URL: queueUrl = '' } = process.env;
const [settings] = readPushSettings(MILLRACE_PUSH);
if (settings === undefined) throw new Error('MILLRACE_PUSH names no function');
if (queueUrl === '') throw new Error('MILLRACE_PUSH_DEAD_LETTERS_URL is not set');
const { region } = environment;
const { functionArn } = settings;
const clock = systemClock();
const random = systemRandom();
const client = lambdaClient({ region });
const sendLetters = sqsSender({ client: sqsClient({ region }), queueUrl });

type Opened = Pick<PushRunParts, 'log' | 'groups' | 'codecs' | 'random'>;

const storageOnce = retryingOnce(() => deployedStorage(environment, { clock, random }));
let opened: Opened | undefined;

async function open(call: Call): Promise<Opened | undefined> {
  const storage = await storageOnce();
  const parts = engineParts(storage);
  const clusterId = await storedClusterId(parts.catalog, call);
  if (clusterId === undefined) return undefined;
  const log = await openLog({ ...storage, clusterId }, call);
  return { log, groups: openGroups(parts, log), codecs: storage.codecs, random };
}

export const handler: (event: unknown, context: Context) => Promise<PushReport | undefined> = pushFunction({
  open: async (call) => {
    opened ??= await open(call);
    return opened;
  },
  invoker: (signal) => lambdaInvoker({ client, functionArn, signal }),
  bury: (letter) => sendLetters([letter]),
  settings,
  clock,
  observer: observer({ ...environment, service: 'pusher', metricsService: 'push', random: random.next }),
});
