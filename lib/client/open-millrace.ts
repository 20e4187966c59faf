import { MillraceError } from '../errors.ts';
import type { Millrace } from './millrace.ts';
import type { AwsOptions } from './open-aws.ts';
import type { EmbeddedOptions } from './open-embedded.ts';

/** Where the log is kept: in a directory of this machine, or in an AWS deployment. */
export type MillraceOptions = EmbeddedOptions | { readonly aws: AwsOptions };

/**
 * Opens the log in this process. With `dataDir` it is kept in that directory, which one process at a time may have open;
 * with `aws` in DynamoDB and S3, where any number of processes share it. Each loads only the storage it needs.
 *
 * Throws `StorageFault` where the storage cannot be used (`refused`: another process has the directory, no permission,
 * a newer format), INVALID_CONFIG for options that make no sense, and on AWS what `Admin` throws.
 */
export async function openMillrace(options: MillraceOptions): Promise<Millrace> {
  if (typeof options !== 'object' || options === null) throw neither();
  if ('dataDir' in options) {
    const { openEmbedded } = await import('./open-embedded.ts');
    return openEmbedded(options);
  }
  if ('aws' in options) {
    const { openAws } = await import('./open-aws.ts');
    return openAws(options.aws);
  }
  throw neither();
}

const neither = (): MillraceError =>
  new MillraceError(
    'INVALID_CONFIG',
    'openMillrace takes { dataDir } or { aws: { hotTable, catalogTable, bucket } }',
  );
