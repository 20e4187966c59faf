import { GetParameterCommand, type GetParameterCommandOutput, SSMClient } from '@aws-sdk/client-ssm';
import { StorageFault } from '../../storage/fault.ts';
import type { TemporaryCredentials } from '../aws/connection.ts';

export interface ParameterOptions {
  /** From `ssmClient`, or anything that sends like it. */
  readonly client: {
    readonly send: (command: GetParameterCommand) => Promise<Pick<GetParameterCommandOutput, 'Parameter'>>;
  };
  readonly name: string;
}

export function ssmClient({
  region,
  credentials,
}: {
  readonly region: string;
  readonly credentials: () => Promise<TemporaryCredentials>;
}): SSMClient {
  return new SSMClient({ region, credentials });
}

/** The text of a parameter. Throws `StorageFault`: `refused` if there is none, or it may not be read. */
export async function readParameter({ client, name }: ParameterOptions): Promise<string> {
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name }));
    if (Parameter?.Value !== undefined) return Parameter.Value;
  } catch (cause) {
    if (cause instanceof StorageFault) throw cause;
    const { $metadata } = cause as { $metadata?: { httpStatusCode?: number } };
    const isAnswer = ($metadata?.httpStatusCode ?? 500) < 500;
    throw new StorageFault(isAnswer ? 'refused' : 'interrupted', `reading the parameter ${name}`, {
      cause,
      mayHaveHappened: false,
    });
  }
  throw new StorageFault('refused', `the parameter ${name} is empty`);
}
