import { crc32 } from 'node:zlib';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { LIMITS } from '../../limits.ts';
import type { Bucket } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Usage } from '../../storage/meter.ts';
import { checkObjectKey, checkObjectRange } from '../../storage/object-key.ts';
import { objectGetUsage, objectPutUsage } from '../../storage/units.ts';
import { type AttemptOptions, attempt } from '../aws/attempt.ts';
import { faultKindOfName } from '../aws/faults.ts';
import { S3_FAULT_RULES } from './fault-rules.ts';
import { observationOfStanding } from './standing.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html, API_ListObjectsV2.html */
const KEYS_PER_DELETE_MAX = 1_000;
const KEYS_PER_LIST_MAX = 1_000;

export interface S3BucketOptions {
  /** From `s3Client`: the adapter relies on its settings. */
  readonly client: S3Client;
  readonly bucket: string;
  readonly clock: Clock;
  /** How long one attempt may take besides the time for its bytes. Default 2,000. */
  readonly attemptMsMax?: number;
  /** The slowest transfer that is waited for, in bytes per millisecond. Default 4,096 (4 MB/s). */
  readonly bytesPerMsMin?: number;
}

/**
 * One S3 bucket. Objects are put with `If-None-Match: *`, so none is ever overwritten.
 *
 * Integrity: the signature covers the SHA-256 of the body, and a CRC-32 goes along as a header. S3 refuses a body that
 * does not match either, keeps the CRC-32 with the object, and the SDK compares it when a whole object is read. (Ranges
 * have none; the record batches in them carry their own CRC-32C.)
 */
export function s3Bucket(options: S3BucketOptions): Bucket {
  const { client, clock, bucket: Bucket, attemptMsMax = 2_000, bytesPerMsMin = 4_096 } = options;

  const how = (
    what: string,
    call: Call,
    expected: { readonly bytes: number; readonly write: boolean; readonly usageIfLost: Partial<Usage> },
  ): AttemptOptions => ({
    clock,
    call,
    attemptMsMax: attemptMsMax + expected.bytes / bytesPerMsMin,
    write: expected.write,
    usageIfLost: expected.usageIfLost,
    rules: S3_FAULT_RULES,
    what: `${what} in ${Bucket}`,
  });

  return {
    put: async (key, bytes, call) => {
      checkObjectKey(key);
      const usage = objectPutUsage(bytes.byteLength);
      const command = new PutObjectCommand({
        Bucket,
        Key: key,
        Body: bytes,
        ContentLength: bytes.byteLength,
        IfNoneMatch: '*',
        ChecksumCRC32: crc32Header(bytes),
      });
      const { output, observation } = await attempt<'stored' | 'standing'>(
        command,
        async (sending) => {
          await client.send(command, sending);
          return 'stored';
        },
        {
          ...how(`put ${key}`, call, { bytes: bytes.byteLength, write: true, usageIfLost: usage }),
          answerOf: (error) => (hasName(error, 'PreconditionFailed') ? 'standing' : undefined),
        },
      );
      call.meter.add(usage);
      if (output === 'stored') return { observation };
      const looking = how(`head ${key}`, call, { bytes: 0, write: false, usageIfLost: objectGetUsage(0) });
      return { observation: await observationOfStanding({ client, Bucket, key }, looking) };
    },

    get: async (key, range, call) => {
      checkObjectKey(key);
      if (range !== undefined) checkObjectRange(key, range, Number.POSITIVE_INFINITY);
      const command = new GetObjectCommand({
        Bucket,
        Key: key,
        ...(range === undefined
          ? { ChecksumMode: 'ENABLED' as const }
          : { Range: `bytes=${range.start}-${range.start + range.length - 1}` }),
      });
      const { output } = await attempt<{ readonly bytes: Uint8Array | undefined }>(
        command,
        async (sending) => {
          const { Body } = await client.send(command, sending);
          return { bytes: (await Body?.transformToByteArray()) ?? new Uint8Array() };
        },
        {
          ...how(`get ${key}`, call, {
            bytes: range?.length ?? LIMITS.spillObjectBytesMax,
            write: false,
            usageIfLost: objectGetUsage(0),
          }),
          answerOf: (error) => (error instanceof NoSuchKey ? { bytes: undefined } : undefined),
        },
      );
      const { bytes } = output;
      call.meter.add(objectGetUsage(bytes?.byteLength ?? 0));
      if (bytes !== undefined && range !== undefined && bytes.byteLength > range.length) {
        throw new StorageFault('refused', `get ${key} in ${Bucket}: the range was ignored`);
      }
      return bytes;
    },

    list: async (prefix, { after, limit }, call) => {
      const usage = { objectLists: 1 };
      const command = new ListObjectsV2Command({
        Bucket,
        Prefix: prefix,
        MaxKeys: Math.min(limit, KEYS_PER_LIST_MAX),
        ...(after === undefined ? {} : { StartAfter: after }),
      });
      const { output } = await attempt(
        command,
        (sending) => client.send(command, sending),
        how(`list ${prefix}`, call, { bytes: 0, write: false, usageIfLost: usage }),
      );
      call.meter.add(usage);
      const objects = (output.Contents ?? []).map(({ Key = '', Size = 0, LastModified }) => ({
        key: Key,
        bytes: Size,
        modifiedMs: LastModified?.getTime() ?? 0,
      }));
      return { objects, more: output.IsTruncated === true };
    },

    delete: async (keys, call) => {
      for (const key of keys) checkObjectKey(key);
      for (let at = 0; at < keys.length; at += KEYS_PER_DELETE_MAX) {
        const lot = keys.slice(at, at + KEYS_PER_DELETE_MAX);
        const usage = { objectDeletes: lot.length };
        const command = new DeleteObjectsCommand({
          Bucket,
          Delete: { Objects: lot.map((Key) => ({ Key })), Quiet: true },
        });
        const { output } = await attempt(
          command,
          (sending) => client.send(command, sending),
          how(`delete ${lot.length} objects`, call, { bytes: 0, write: true, usageIfLost: usage }),
        );
        call.meter.add(usage);
        const [failed] = output.Errors ?? [];
        if (failed !== undefined) {
          const { Code = 'unknown', Key, Message } = failed;
          throw new StorageFault(
            faultKindOfName(Code, S3_FAULT_RULES),
            `delete ${Key} in ${Bucket}: ${Code}: ${Message}`,
          );
        }
      }
    },
  };
}

function crc32Header(bytes: Uint8Array): string {
  const header = Buffer.allocUnsafe(4);
  header.writeUInt32BE(crc32(bytes));
  return header.toString('base64');
}

function hasName(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
