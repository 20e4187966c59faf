import { readParameter, ssmClient } from '../lib/adapters/ssm/index.ts';
import { assumedRole, stsClient } from '../lib/adapters/sts/index.ts';

type TakeRole = ReturnType<typeof assumedRole>;

/** What has to be asked before another region's storage can be read. */
export interface SourceAccess {
  /** Credentials of the role under which it may be read. */
  readonly takeRole: TakeRole;
  /** The parameter that tells where it lies. */
  readonly readParameter: () => Promise<string>;
}

export function sourceAccess(
  own: { readonly alias: string; readonly region: string },
  source: { readonly region: string; readonly roleArn: string; readonly parameter: string },
): SourceAccess {
  const { region, roleArn, parameter } = source;
  const client = stsClient({ region: own.region });
  const takeRole = assumedRole({ client, roleArn, sessionName: `millrace-${own.alias}`.slice(0, 64) });
  const ssm = ssmClient({ region, credentials: takeRole });
  return { takeRole, readParameter: () => readParameter({ client: ssm, name: parameter }) };
}
