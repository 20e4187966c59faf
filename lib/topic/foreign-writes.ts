import { MillraceError } from '../errors.ts';
import { isReadOnly } from './remote-origin.ts';
import type { Topic } from './topic-item.ts';

/** A write to a remote topic that did not come from the topic's flow. Nothing of it was stored. */
export interface ForeignWrite {
  readonly topic: string;
  /** Alias of the region that the topic comes from. */
  readonly source: string;
  readonly kind: 'produce' | 'deleteRecords' | 'createPartitions';
}

/**
 * ⚑ A remote topic has its source's records at its source's offsets: nobody but its flow adds to it or takes away from it.
 * Throws POLICY_VIOLATION, after `tell` has been told.
 */
export function refuseForeignWrite(
  { name: topic, remote }: Topic,
  kind: ForeignWrite['kind'],
  tell?: (write: ForeignWrite) => void,
): void {
  if (!isReadOnly(remote)) return;
  const { source } = remote;
  tell?.({ topic, source, kind });
  const message = `Topic '${topic}' is a copy of '${remote.topic}' in ${source}: only its flow writes to it`;
  throw new MillraceError('POLICY_VIOLATION', message);
}
