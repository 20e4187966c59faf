import { AssumeRoleCommand, type AssumeRoleCommandOutput, STSClient } from '@aws-sdk/client-sts';
import { StorageFault } from '../../storage/fault.ts';
import type { TemporaryCredentials } from '../aws/connection.ts';

export interface AssumedRoleOptions {
  /** From `stsClient`, or anything that sends like it. */
  readonly client: {
    readonly send: (command: AssumeRoleCommand) => Promise<Pick<AssumeRoleCommandOutput, 'Credentials'>>;
  };
  readonly roleArn: string;
  /** Stands in the other account's CloudTrail. */
  readonly sessionName: string;
}

export function stsClient({ region }: { readonly region: string }): STSClient {
  return new STSClient({ region });
}

/**
 * Credentials of a role that this process may take, possibly another account's. SDK clients ask for new ones before these
 * expire. Throws `StorageFault`: `refused` if the role is not there, or does not let us.
 */
export function assumedRole({
  client,
  roleArn,
  sessionName,
}: AssumedRoleOptions): () => Promise<TemporaryCredentials> {
  return async () => {
    const { Credentials } = await client
      .send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: sessionName }))
      .catch((cause: unknown) => {
        throw new StorageFault(isRefusal(cause) ? 'refused' : 'interrupted', `taking the role ${roleArn}`, {
          cause,
          mayHaveHappened: false,
        });
      });
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined) {
      throw new StorageFault('refused', `taking the role ${roleArn}: no credentials came back`);
    }
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      ...(Expiration === undefined ? {} : { expiration: Expiration }),
    };
  };
}

/** An answer below 500 other than a throttle: asking again will not help. */
function isRefusal(error: unknown): boolean {
  const { $metadata, name } = error as { $metadata?: { httpStatusCode?: number }; name?: string };
  const status = $metadata?.httpStatusCode ?? 500;
  return status < 500 && status !== 429 && name !== 'Throttling' && name !== 'ThrottlingException';
}
