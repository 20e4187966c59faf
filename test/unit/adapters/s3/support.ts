import { onTestFinished } from 'vitest';
import { s3Bucket, s3Client } from '../../../../lib/adapters/s3/index.ts';
import type { Bucket } from '../../../../lib/storage/bucket.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { Meter } from '../../../../lib/storage/meter.ts';
import { emulatorConnection } from '../../../tools/aws-storage.ts';
import { type ManualClock, manualClock } from '../../../tools/manual-clock.ts';
import {
  type ScriptedServer,
  startScriptedServer,
  type WrittenReply,
} from '../../../tools/scripted-server.ts';

export interface Scene {
  readonly server: ScriptedServer;
  readonly clock: ManualClock;
  readonly bucket: Bucket;
  readonly call: Call;
}

/** A bucket whose S3 is a local server that follows a script. */
export async function sceneOf(script: Parameters<typeof startScriptedServer>[0]): Promise<Scene> {
  const server = await startScriptedServer(script);
  const clock = manualClock();
  const client = s3Client(emulatorConnection(server.endpoint));
  onTestFinished(async () => {
    client.destroy();
    await server.stop();
  });
  return {
    server,
    clock,
    bucket: s3Bucket({ client, bucket: 'objects', clock }),
    call: { meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 },
  };
}

/** An error as S3 sends it. */
export function refusal(status: number, code: string): WrittenReply {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
  };
}
