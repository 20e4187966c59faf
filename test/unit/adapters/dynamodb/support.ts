import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { onTestFinished } from 'vitest';
import { connectionConfig } from '../../../../lib/adapters/aws/connection.ts';
import { dynamoTables } from '../../../../lib/adapters/dynamodb/index.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { Meter } from '../../../../lib/storage/meter.ts';
import type { Item, Table } from '../../../../lib/storage/table.ts';
import { emulatorConnection } from '../../../tools/aws-storage.ts';
import { type ManualClock, manualClock } from '../../../tools/manual-clock.ts';
import {
  type ScriptedServer,
  startScriptedServer,
  type WrittenReply,
} from '../../../tools/scripted-server.ts';

export interface Scene {
  readonly server: ScriptedServer;
  readonly client: DynamoDBClient;
  readonly clock: ManualClock;
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  /** A caller with a minute left. */
  readonly call: Call;
}

/** Tables whose DynamoDB is a local server that follows a script. */
export async function sceneOf(
  script: Parameters<typeof startScriptedServer>[0],
  options: { readonly clock?: ManualClock; readonly client?: Partial<DynamoDBClientConfig> } = {},
): Promise<Scene> {
  const server = await startScriptedServer(script);
  const { clock = manualClock() } = options;
  const client = new DynamoDBClient({
    ...connectionConfig(emulatorConnection(server.endpoint)),
    ...options.client,
  });
  onTestFinished(async () => {
    client.destroy();
    await server.stop();
  });
  const tables = dynamoTables({ client, hotTable: 'hot', catalogTable: 'catalog', clock });
  return {
    server,
    client,
    clock,
    ...tables,
    call: { meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 },
  };
}

export const CHUNK: Item<number> = {
  pk: 't:0',
  sk: 7,
  version: 'v1',
  attributes: { b: new Uint8Array([1, 2]) },
};

export const IF_ABSENT = { condition: { kind: 'ifAbsent' } } as const;

/** An error as DynamoDB sends it. */
export function refusal(type: string, message = 'no', more: object = {}): WrittenReply {
  return {
    status: 400,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message, ...more },
  };
}

/** The loss of a conditional write to `Item`. */
export function lostTo(Item: object | undefined): WrittenReply {
  return refusal('ConditionalCheckFailedException', 'The conditional request failed', Item ? { Item } : {});
}

export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}
