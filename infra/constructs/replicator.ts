import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { AccountPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { regionNames, regionVariables, type StackRegions } from '../regions.ts';
import { EngineFunction } from './engine-function.ts';
import type { LogStorage } from './log-storage.ts';
import { grantSources, readerRole, sourcesVariable } from './source-reader.ts';

export interface ReplicatorProps {
  readonly regions: StackRegions;
  readonly storage: LogStorage;
  readonly architecture: Architecture;
  /** How often it is called by its schedule. */
  readonly flowMinutes: number;
  /** The share of requests that leave a line in the log. @default 0.01 */
  readonly logSampleRate?: number;
}

const REPLICATOR_SECONDS = 900;

/**
 * Copies other regions' topics into this one: a function that other regions' wake signals call, and a schedule for what they
 * missed. It writes here under its own role, and reads there under theirs.
 */
export class Replicator extends Construct {
  readonly lambda: EngineFunction['lambda'];

  constructor(scope: Construct, id: string, props: ReplicatorProps) {
    super(scope, id);
    const { regions, storage, architecture, flowMinutes, logSampleRate } = props;
    const { own, others, flows } = regions;
    const name = regionNames.replicator(own);
    const description = 'Millrace: copies topics of other regions into this one';
    const { lambda } = new EngineFunction(this, 'Copier', {
      name: 'replicator',
      functionName: name,
      role: readerRole(this, { name, description }),
      description,
      storage,
      architecture,
      timeoutSeconds: REPLICATOR_SECONDS,
      memoryMb: 1024,
      // Traces cost $5 a million, and most calls find nothing.
      isTraced: false,
      environment: {
        ...regionVariables(regions),
        ...sourcesVariable(regions),
        ...(flows.length === 0 ? {} : { MILLRACE_FLOWS: JSON.stringify(flows) }),
      },
      ...(logSampleRate === undefined ? {} : { logSampleRate }),
    });
    this.lambda = lambda;
    grantSources(regions, lambda);
    // In one account a caller's own policy is enough.
    const accounts = new Set(
      others.flatMap(({ account }) => account ?? []).filter((one) => one !== own.account),
    );
    for (const account of accounts) {
      lambda.addPermission(`Wake${account}`, { principal: new AccountPrincipal(account) });
    }
    // The next wake or the schedule does what a call that failed would have done.
    lambda.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    new Rule(this, 'Schedule', {
      description: 'Millrace: whether there is something to be copied',
      schedule: Schedule.rate(Duration.minutes(flowMinutes)),
      targets: [
        new LambdaFunction(lambda, {
          event: RuleTargetInput.fromObject({ schedule: 'all flows' }),
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
        }),
      ],
    });
  }
}
