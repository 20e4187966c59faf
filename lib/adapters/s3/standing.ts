import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { StorageFault } from '../../storage/fault.ts';
import type { Observation } from '../../storage/observation.ts';
import { objectGetUsage } from '../../storage/units.ts';
import { type AttemptOptions, attempt } from '../aws/attempt.ts';

/**
 * The observation of a PUT that found its object there already: made when the object was stored, not now. ⚑ How long an
 * object may stay unreferenced counts from its true PUT, and a retry may come long after it (a frozen process). The
 * object's age is S3's own `Last-Modified` against S3's own `Date`, so no local clock is trusted; all three readings
 * are set back by it.
 */
export async function observationOfStanding(
  object: { readonly client: S3Client; readonly Bucket: string; readonly key: string },
  options: AttemptOptions,
): Promise<Observation> {
  const command = new HeadObjectCommand({ Bucket: object.Bucket, Key: object.key });
  const { output, observation } = await attempt(
    command,
    (sending) => object.client.send(command, sending),
    options,
  );
  options.call.meter.add(objectGetUsage(0));
  const storedMs = output.LastModified?.getTime();
  if (storedMs === undefined || observation.serverMs === undefined) {
    throw new StorageFault('refused', `${options.what}: the answer has no dates`);
  }
  const ageMs = Math.max(0, observation.serverMs - storedMs);
  return {
    sentWallMs: observation.sentWallMs - ageMs,
    sentMonotonicMs: observation.sentMonotonicMs - ageMs,
    serverMs: storedMs,
  };
}
