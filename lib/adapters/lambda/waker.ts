import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

export interface LambdaWakerOptions {
  readonly region: string;
  readonly functionArn: string;
}

/** Calls a function of any region with an event, and does not wait for what it does. Throws what the SDK throws. */
export function lambdaWaker(
  { region, functionArn }: LambdaWakerOptions,
  event: unknown,
): () => Promise<void> {
  // A replicator that is called twice is called once too often, nothing else: the SDK may try again.
  const client = new LambdaClient({ region });
  const Payload = Buffer.from(JSON.stringify(event));
  return async () => {
    await client.send(new InvokeCommand({ FunctionName: functionArn, InvocationType: 'Event', Payload }));
  };
}
