import { fileURLToPath } from 'node:url';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { type Architecture, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BUNDLE } from '../bundle.ts';
import type { LogStorage } from './log-storage.ts';
import { type FunctionName, grantPermissions, PERMISSIONS } from './permissions.ts';

export interface EngineFunctionProps {
  /** The file below `functions/`, which also says what the function may do. */
  readonly name: FunctionName;
  readonly description: string;
  readonly storage: LogStorage;
  readonly architecture: Architecture;
  readonly timeoutSeconds: number;
  /** @default 1024 */
  readonly memoryMb?: number;
  /** The share of requests that leave a line in the log. @default 0.01 */
  readonly logSampleRate?: number;
  /** @default true */
  readonly isTraced?: boolean;
  /** Takes the events of which every try failed. @default - they are dropped */
  readonly deadLetters?: IQueue;
  /** @default - one that CloudFormation makes */
  readonly functionName?: string;
  /** @default - one of its own */
  readonly role?: IRole;
  /** More variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One Lambda function on the engine: bundled, traced, with a log that ends and a role that may do little. */
export class EngineFunction extends Construct {
  readonly lambda: NodejsFunction;

  constructor(scope: Construct, id: string, props: EngineFunctionProps) {
    super(scope, id);
    const { storage } = props;
    this.lambda = new NodejsFunction(this, 'Function', {
      description: props.description,
      ...(props.functionName === undefined ? {} : { functionName: props.functionName }),
      ...(props.role === undefined ? {} : { role: props.role }),
      entry: fileURLToPath(new URL(`../../functions/${props.name}.ts`, import.meta.url)),
      projectRoot: fileURLToPath(new URL('../..', import.meta.url)),
      depsLockFilePath: fileURLToPath(new URL('../../package-lock.json', import.meta.url)),
      runtime: Runtime.NODEJS_24_X,
      architecture: props.architecture,
      memorySize: props.memoryMb ?? 1024,
      timeout: Duration.seconds(props.timeoutSeconds),
      ...(props.isTraced === false ? {} : { tracing: Tracing.ACTIVE }),
      ...(props.deadLetters === undefined ? {} : { deadLetterQueue: props.deadLetters }),
      awsSdkConnectionReuse: false, // a setting of SDK 2; SDK 3 keeps connections open by itself
      logGroup: new LogGroup(this, 'Logs', {
        retention: RetentionDays.TWO_WEEKS,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      environment: {
        MILLRACE_HOT_TABLE: storage.hot.tableName,
        MILLRACE_CATALOG_TABLE: storage.catalog.tableName,
        MILLRACE_BUCKET: storage.bucket.bucketName,
        MILLRACE_STACK: Stack.of(this).stackName,
        ...props.environment,
        ...(props.logSampleRate === undefined
          ? {}
          : { MILLRACE_LOG_SAMPLE_RATE: String(props.logSampleRate) }),
      },
      bundling: {
        format: OutputFormat.ESM,
        target: BUNDLE.target,
        mainFields: [...BUNDLE.mainFields],
        minify: BUNDLE.minify,
        externalModules: [...BUNDLE.external],
        bundleAwsSDK: true,
      },
    });
    grantPermissions(storage, this.lambda, PERMISSIONS[props.name]);
  }
}
