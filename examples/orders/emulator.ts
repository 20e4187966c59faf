import { startDynamodbLocal } from '../../test/tools/dynamodb-local.ts';
import { startMinistack } from '../../test/tools/ministack.ts';

export interface Emulator {
  readonly endpoint: string;
  readonly name: string;
  stop(): Promise<void>;
}

/** What a given endpoint is, or one of our own that ends with the example. */
export async function startEmulator(options: {
  readonly endpoint?: string;
  readonly dynamodbLocal: boolean;
}): Promise<Emulator> {
  const { endpoint, dynamodbLocal } = options;
  if (endpoint !== undefined) return { endpoint, name: endpoint, stop: async () => undefined };
  if (dynamodbLocal) return { ...(await startDynamodbLocal()), name: 'DynamoDB Local' };
  const { endpoint: own, stop } = await startMinistack({ auth: false, tls: false });
  return { endpoint: own, name: 'MiniStack', stop };
}
