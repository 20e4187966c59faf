import { S3Client } from '@aws-sdk/client-s3';
import { type ConnectionOptions, connectionConfig } from '../aws/connection.ts';

export interface S3ClientOptions extends ConnectionOptions {
  /** Emulators under a host name that has no wildcard need the bucket in the path. Default false. */
  readonly forcePathStyle?: boolean;
}

/**
 * A client with the settings that the adapter relies on. The adapter sends its own checksum as a header, so the SDK adds
 * none (its default for streams is a trailer, which some emulators store as data); a body is sent at once instead of
 * after a `100 Continue`, which would cost a round trip and a connection of its own.
 */
export function s3Client(options: S3ClientOptions): S3Client {
  return new S3Client({
    ...connectionConfig(options),
    forcePathStyle: options.forcePathStyle === true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
  });
}
