import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import {
  type Architecture,
  Code,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { bundle } from '../bundle.ts';
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
  readonly lambda: LambdaFunction;

  constructor(scope: Construct, id: string, props: EngineFunctionProps) {
    super(scope, id);
    const { storage } = props;
    this.lambda = new LambdaFunction(this, 'Function', {
      description: props.description,
      ...(props.functionName === undefined ? {} : { functionName: props.functionName }),
      ...(props.role === undefined ? {} : { role: props.role }),
      code: bundledCode(props.name),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: props.architecture,
      memorySize: props.memoryMb ?? 1024,
      timeout: Duration.seconds(props.timeoutSeconds),
      ...(props.isTraced === false ? {} : { tracing: Tracing.ACTIVE }),
      ...(props.deadLetters === undefined ? {} : { deadLetterQueue: props.deadLetters }),
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
    });
    grantPermissions(storage, this.lambda, PERMISSIONS[props.name]);
  }
}

const FUNCTIONS = fileURLToPath(new URL('../../functions', import.meta.url));

/** Bundled when a stack that has the function is synthesized, and named by what came out. */
function bundledCode(name: FunctionName): Code {
  const entry = join(FUNCTIONS, `${name}.ts`);
  return Code.fromAsset(FUNCTIONS, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // No image is ever run. The command is how the CDK tells that two functions of one folder are two bundles.
      image: DockerImage.fromRegistry('none'),
      command: [entry],
      local: {
        tryBundle: (outdir) => {
          bundle(entry, outdir);
          return true;
        },
      },
    },
  });
}
