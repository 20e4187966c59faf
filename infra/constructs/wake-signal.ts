import { Aws, Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Grant } from 'aws-cdk-lib/aws-iam';
import { type Architecture, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import { type RegionSettings, regionNames, type StackRegions } from '../regions.ts';
import { EngineFunction } from './engine-function.ts';
import type { LogStorage } from './log-storage.ts';

export interface WakeSignalProps {
  readonly regions: StackRegions;
  readonly storage: LogStorage;
  readonly architecture: Architecture;
}

const WAKER_SECONDS = 15;
const RECORDS_PER_CALL = 1_000;

/**
 * Tells the other regions' replicators that there is something to copy: new items of the hot table and changed topics,
 * whoever has written them, call a small function, and that calls the replicators. Idle tables call nobody, and Lambda's
 * reading of their streams is free.
 */
export class WakeSignal extends Construct {
  constructor(scope: Construct, id: string, { regions, storage, architecture }: WakeSignalProps) {
    super(scope, id);
    const targets = regions.others.map((region) => ({ region: region.region, functionArn: arnOf(region) }));
    const { lambda } = new EngineFunction(this, 'Waker', {
      name: 'waker',
      description: 'Millrace: wakes the replicators of other regions',
      storage,
      architecture,
      timeoutSeconds: WAKER_SECONDS,
      memoryMb: 256,
      isTraced: false,
      environment: { MILLRACE_WAKES: JSON.stringify({ source: regions.own.alias, targets }) },
    });
    const resourceArns = targets.map(({ functionArn }) => functionArn);
    Grant.addToPrincipal({
      grantee: lambda,
      actions: ['lambda:InvokeFunction'],
      resourceArns,
    }).assertSuccess();
    const signals = [
      // A chunk whose expiry is pushed out, or that has expired, is no news.
      { table: storage.hot, filter: { eventName: FilterRule.isEqual('INSERT') } },
      // Topics that are new or have changed, and nothing else of what the catalog holds.
      {
        table: storage.catalog,
        filter: {
          eventName: FilterRule.or('INSERT', 'MODIFY'),
          dynamodb: { Keys: { pk: { S: FilterRule.isEqual('topics') } } },
        },
      },
    ];
    for (const { table, filter } of signals) {
      lambda.addEventSource(
        new DynamoEventSource(table as ITable, {
          startingPosition: StartingPosition.LATEST,
          batchSize: RECORDS_PER_CALL,
          filters: [FilterCriteria.filter(filter)],
          // Whoever was not woken in a minute may wait for the schedule.
          retryAttempts: 2,
          maxRecordAge: Duration.minutes(1),
        }),
      );
    }
  }
}

function arnOf(region: RegionSettings): string {
  const account = region.account ?? Aws.ACCOUNT_ID;
  return `arn:${Aws.PARTITION}:lambda:${region.region}:${account}:function:${regionNames.replicator(region)}`;
}
