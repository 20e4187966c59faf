import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { EngineFunction } from './constructs/engine-function.ts';
import { HttpFront } from './constructs/http-front.ts';
import { LogStorage } from './constructs/log-storage.ts';
import { MaintenanceSchedule } from './constructs/maintenance-schedule.ts';
import type { FunctionName } from './constructs/permissions.ts';

export interface MillraceStackProps extends StackProps {
  /** @default - IAM authorization: requests are signed with SigV4 */
  readonly jwtIssuer?: string;
  /** Needed with `jwtIssuer`, and only then. */
  readonly jwtAudience?: readonly string[];
  /** x86_64 is for emulators that cannot run arm64. @default Architecture.ARM_64 */
  readonly architecture?: Architecture;
  /** The share of requests that leave a line in the log. @default 0.01 */
  readonly logSampleRate?: number;
}

/** What API Gateway waits for at most is 29 s; a function that is still at work then answers nobody. */
const REQUEST_SECONDS = 29;
const MAINTENANCE_SECONDS = 900;

/** One log in one region: storage, four functions, the HTTP API and the schedule. */
export class MillraceStack extends Stack {
  constructor(scope: Construct, id: string, props: MillraceStackProps = {}) {
    super(scope, id, props);
    const storage = new LogStorage(this, 'Storage');
    const engine = (name: FunctionName, description: string, memoryMb?: number): EngineFunction => {
      const constructId = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      const built = new EngineFunction(this, constructId, {
        name,
        description,
        storage,
        architecture: props.architecture ?? Architecture.ARM_64,
        timeoutSeconds: name === 'maintenance' ? MAINTENANCE_SECONDS : REQUEST_SECONDS,
        ...(memoryMb === undefined ? {} : { memoryMb }),
        ...(props.logSampleRate === undefined ? {} : { logSampleRate: props.logSampleRate }),
      });
      new CfnOutput(this, `${constructId}FunctionName`, { value: built.lambda.functionName });
      return built;
    };

    const produce = engine('produce', 'Millrace: appends record batches');
    const fetch = engine('fetch', 'Millrace: reads records and offsets');
    const admin = engine('admin', 'Millrace: topics, configs and everything else');
    const maintenance = engine('maintenance', 'Millrace: seals what is old or large', 2048);

    const front = new HttpFront(this, 'Http', {
      produce: produce.lambda,
      fetch: fetch.lambda,
      admin: admin.lambda,
      ...(props.jwtIssuer === undefined ? {} : { jwtIssuer: props.jwtIssuer }),
      ...(props.jwtAudience === undefined ? {} : { jwtAudience: props.jwtAudience }),
    });
    new MaintenanceSchedule(this, 'Schedule', { maintenance: maintenance.lambda });

    new CfnOutput(this, 'ApiUrl', { value: front.api.apiEndpoint });
    new CfnOutput(this, 'ApiId', { value: front.api.apiId });
    new CfnOutput(this, 'HotTableName', { value: storage.hot.tableName });
    new CfnOutput(this, 'CatalogTableName', { value: storage.catalog.tableName });
    new CfnOutput(this, 'BucketName', { value: storage.bucket.bucketName });
  }
}
