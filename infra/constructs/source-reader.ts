import { Aws } from 'aws-cdk-lib';
import { Grant, type IGrantable, ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { regionNames, type StackRegions } from '../regions.ts';

/** Where the other regions are, as functions that read them are told. */
interface SourceOfReader {
  readonly alias: string;
  readonly region: string;
  readonly roleArn: string;
  readonly parameter: string;
}

/** Other regions' roles name this one, so that its name cannot be left to chance. */
export function readerRole(
  scope: Construct,
  role: { readonly name: string; readonly description: string },
): Role {
  return new Role(scope, 'Role', {
    roleName: role.name,
    description: role.description,
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaBasicExecutionRole')],
  });
}

/** The variable that tells a function where the other regions are. */
export function sourcesVariable(regions: StackRegions): { readonly MILLRACE_SOURCES: string } {
  return { MILLRACE_SOURCES: JSON.stringify(sourcesOf(regions)) };
}

/** Lets a function read the other regions, under a role of each. */
export function grantSources(regions: StackRegions, grantee: IGrantable): void {
  const resourceArns = sourcesOf(regions).map(({ roleArn }) => roleArn);
  Grant.addToPrincipal({ grantee, actions: ['sts:AssumeRole'], resourceArns }).assertSuccess();
}

function sourcesOf({ others }: StackRegions): readonly SourceOfReader[] {
  return others.map((region) => ({
    alias: region.alias,
    region: region.region,
    roleArn: `arn:${Aws.PARTITION}:iam::${region.account ?? Aws.ACCOUNT_ID}:role/${regionNames.sourceRole(region)}`,
    parameter: regionNames.storageParameter(region),
  }));
}
