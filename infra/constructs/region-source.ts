import { Aws } from 'aws-cdk-lib';
import { AccountPrincipal, CompositePrincipal, Grant, type IPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { type RegionSettings, regionNames, type StackRegions } from '../regions.ts';
import type { LogStorage } from './log-storage.ts';
import { grantPermissions, SOURCE_PERMISSIONS } from './permissions.ts';

export interface RegionSourceProps {
  readonly regions: StackRegions;
  readonly storage: LogStorage;
}

/**
 * What other regions need to copy from this one: a role that may read the log and nothing else, and a parameter that says
 * where the log lies. The tables' names stay as they were made, because another name would be another, empty table; only
 * role and parameter have names that others can know beforehand.
 */
export class RegionSource extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { regions, storage }: RegionSourceProps) {
    super(scope, id);
    const { own, others } = regions;
    const parameter = new StringParameter(this, 'Storage', {
      parameterName: regionNames.storageParameter(own),
      description: 'Millrace: where the log lies, for the regions that copy it',
      stringValue: JSON.stringify({
        hotTable: storage.hot.tableName,
        catalogTable: storage.catalog.tableName,
        bucket: storage.bucket.bucketName,
      }),
    });
    this.role = new Role(this, 'Role', {
      roleName: regionNames.sourceRole(own),
      description: 'Millrace: reads the log, for the regions that copy it',
      assumedBy: new CompositePrincipal(...others.map(readersOf)),
    });
    grantPermissions(storage, this.role, SOURCE_PERMISSIONS);
    const resourceArns = [parameter.parameterArn];
    Grant.addToPrincipal({ grantee: this.role, actions: ['ssm:GetParameter'], resourceArns }).assertSuccess();
  }
}

/** By a condition, not as the principal itself: IAM takes no principal that is not there yet, and both sides would wait for each other. */
function readersOf(region: RegionSettings): IPrincipal {
  const account = region.account ?? Aws.ACCOUNT_ID;
  const names = [regionNames.replicator(region), regionNames.translator(region)];
  return new AccountPrincipal(account).withConditions({
    ArnLike: {
      'aws:PrincipalArn': names.flatMap((name) => [
        `arn:${Aws.PARTITION}:iam::${account}:role/${name}`,
        // How emulators name who has taken a role.
        `arn:${Aws.PARTITION}:sts::${account}:assumed-role/${name}/*`,
      ]),
    },
  });
}
