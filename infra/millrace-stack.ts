import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { PushSettings } from '../lib/push/push-settings.ts';
import { Alarms } from './constructs/alarms.ts';
import { EngineFunction, type EngineFunctionProps } from './constructs/engine-function.ts';
import { HttpFront } from './constructs/http-front.ts';
import { LogStorage } from './constructs/log-storage.ts';
import { Maintenance } from './constructs/maintenance.ts';
import { PushToFunction, pushId } from './constructs/push-to-function.ts';
import { RegionSource } from './constructs/region-source.ts';
import { Replicator } from './constructs/replicator.ts';
import { TaskQueue } from './constructs/task-queue.ts';
import { Translator } from './constructs/translator.ts';
import { WakeSignal } from './constructs/wake-signal.ts';
import { otherRegionVariables, regionVariables, type StackRegions } from './regions.ts';

export interface MillraceStackProps extends StackProps {
  /** @default - IAM authorization: requests are signed with SigV4 */
  readonly jwtIssuer?: string;
  /** Needed with `jwtIssuer`, and only then. */
  readonly jwtAudience?: readonly string[];
  /** x86_64 is for emulators that cannot run arm64. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
  /** The share of requests that leave a line in the log. @default 0.01 */
  readonly logSampleRate?: number;
  /** How often maintenance is planned. @default 5 */
  readonly planMinutes?: number;
  /** How many workers may run at once. @default 4 */
  readonly workersMax?: number;
  /** Who is told of alarms. @default - nobody */
  readonly alarmEmail?: string;
  /** An SNS topic that is told of alarms. @default - none */
  readonly alarmTopicArn?: string;
  /** Functions that are called with the records of topics. @default - none */
  readonly push?: readonly PushSettings[];
  /** The region that this stack is, and those that it may copy from and that may copy it. @default - it is alone */
  readonly regions?: StackRegions;
  /** How often flows are looked after without a wake signal. @default 5 */
  readonly flowMinutes?: number;
}

/** What API Gateway waits for at most is 29 s; a function that is still at work then answers nobody. */
const REQUEST_SECONDS = 29;
const PLANNER_SECONDS = 120;
const WORKER_SECONDS = 300;
const SWEEPER_SECONDS = 900;

/** One log in one region: storage, the functions, the HTTP API, and what keeps the log within its policy. */
export class MillraceStack extends Stack {
  constructor(scope: Construct, id: string, props: MillraceStackProps = {}) {
    super(scope, id, props);
    const { planMinutes = 5, workersMax = 4, logSampleRate, alarmEmail, alarmTopicArn, regions } = props;
    const { flowMinutes = 5 } = props;
    const storage = new LogStorage(this, 'Storage', { hasStream: regions !== undefined });
    const common = {
      storage,
      architecture: props.architecture ?? Architecture.ARM_64,
      ...(logSampleRate === undefined ? {} : { logSampleRate }),
    };
    const engine = (
      name: EngineFunctionProps['name'],
      own: Omit<EngineFunctionProps, 'name' | 'storage' | 'architecture'>,
    ): LambdaFunction => {
      const constructId = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      const { lambda } = new EngineFunction(this, constructId, {
        name,
        ...common,
        ...own,
        environment: { ...regionVariables(regions), ...own.environment },
      });
      new CfnOutput(this, `${constructId}FunctionName`, { value: lambda.functionName });
      return lambda;
    };
    const request = { timeoutSeconds: REQUEST_SECONDS };

    const translator =
      regions === undefined
        ? undefined
        : new Translator(this, 'Translation', { regions, ...request, ...common }).lambda;
    const front = new HttpFront(this, 'Http', {
      produce: engine('produce', { ...request, description: 'Millrace: appends record batches' }),
      fetch: engine('fetch', { ...request, description: 'Millrace: reads records and offsets' }),
      groups: engine('groups', {
        ...request,
        description: 'Millrace: consumer groups, and what their members read',
      }),
      admin: engine('admin', {
        ...request,
        description: 'Millrace: topics, configs and everything else',
        environment: otherRegionVariables(regions),
      }),
      ...(translator === undefined ? {} : { translator }),
      ...(props.jwtIssuer === undefined ? {} : { jwtIssuer: props.jwtIssuer }),
      ...(props.jwtAudience === undefined ? {} : { jwtAudience: props.jwtAudience }),
    });

    const tasks = new TaskQueue(this, 'Tasks', { workerSeconds: WORKER_SECONDS });
    const environment = { MILLRACE_TASK_QUEUE_URL: tasks.queue.queueUrl };
    const planner = engine('planner', {
      description: 'Millrace: looks which partitions need maintenance',
      timeoutSeconds: PLANNER_SECONDS,
      memoryMb: 512,
      // Traces cost $5 a million, and these calls are all alike.
      isTraced: false,
      environment,
    });
    const worker = engine('worker', {
      description: 'Millrace: seals, retains and compacts',
      timeoutSeconds: WORKER_SECONDS,
      memoryMb: 2048,
      environment,
    });
    const sweeper = engine('sweeper', {
      description: 'Millrace: removes what nothing refers to, and what deleted topics have left',
      timeoutSeconds: SWEEPER_SECONDS,
      deadLetters: tasks.deadLetters,
    });
    new Maintenance(this, 'Maintenance', { tasks, planner, planMinutes, worker, workersMax, sweeper });
    for (const settings of props.push ?? []) {
      const pushed = pushId(settings.group);
      const { runner, deadLetters } = new PushToFunction(this, pushed, { settings, ...common });
      new CfnOutput(this, `${pushed}FunctionName`, { value: runner.functionName });
      new CfnOutput(this, `${pushed}DeadLettersUrl`, { value: deadLetters.queueUrl });
    }
    if (regions !== undefined) {
      new RegionSource(this, 'Source', { regions, storage });
      new WakeSignal(this, 'Wake', { regions, ...common });
      const { lambda } = new Replicator(this, 'Replicator', { regions, flowMinutes, ...common });
      new CfnOutput(this, 'ReplicatorFunctionName', { value: lambda.functionName });
    }
    if (translator !== undefined) {
      new CfnOutput(this, 'TranslatorFunctionName', { value: translator.functionName });
    }
    new Alarms(this, 'Alarms', {
      ...(regions === undefined || regions.flows.length === 0 ? {} : { flowMinutes }),
      planner,
      planMinutes,
      deadLetters: tasks.deadLetters,
      ...(alarmEmail === undefined ? {} : { email: alarmEmail }),
      ...(alarmTopicArn === undefined ? {} : { topicArn: alarmTopicArn }),
    });

    new CfnOutput(this, 'ApiUrl', { value: front.api.apiEndpoint });
    new CfnOutput(this, 'ApiId', { value: front.api.apiId });
    new CfnOutput(this, 'HotTableName', { value: storage.hot.tableName });
    new CfnOutput(this, 'CatalogTableName', { value: storage.catalog.tableName });
    new CfnOutput(this, 'BucketName', { value: storage.bucket.bucketName });
    new CfnOutput(this, 'TaskQueueUrl', { value: tasks.queue.queueUrl });
    new CfnOutput(this, 'DeadLettersUrl', { value: tasks.deadLetters.queueUrl });
  }
}
