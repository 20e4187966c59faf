import { Aws, Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { AccountPrincipal, Grant, ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { regionNames, regionVariables, type StackRegions } from '../regions.ts';
import { EngineFunction } from './engine-function.ts';
import type { LogStorage } from './log-storage.ts';

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
    const sources = others.map((region) => ({
      alias: region.alias,
      region: region.region,
      roleArn: `arn:${Aws.PARTITION}:iam::${region.account ?? Aws.ACCOUNT_ID}:role/${regionNames.sourceRole(region)}`,
      parameter: regionNames.storageParameter(region),
    }));
    const name = regionNames.replicator(own);
    // Other regions' roles name this one, so that its name cannot be left to chance.
    const role = new Role(this, 'Role', {
      roleName: name,
      description: 'Millrace: copies topics of other regions into this one',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaBasicExecutionRole')],
    });
    const { lambda } = new EngineFunction(this, 'Copier', {
      name: 'replicator',
      functionName: name,
      role,
      description: 'Millrace: copies topics of other regions into this one',
      storage,
      architecture,
      timeoutSeconds: REPLICATOR_SECONDS,
      memoryMb: 1024,
      // Traces cost $5 a million, and most calls find nothing.
      isTraced: false,
      environment: {
        ...regionVariables(regions),
        MILLRACE_SOURCES: JSON.stringify(sources),
        ...(flows.length === 0 ? {} : { MILLRACE_FLOWS: JSON.stringify(flows) }),
      },
      ...(logSampleRate === undefined ? {} : { logSampleRate }),
    });
    this.lambda = lambda;
    Grant.addToPrincipal({
      grantee: lambda,
      actions: ['sts:AssumeRole'],
      resourceArns: sources.map(({ roleArn }) => roleArn),
    }).assertSuccess();
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
