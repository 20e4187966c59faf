import { MillraceError } from '../errors.ts';
import type { NewTopic } from '../log.ts';

/** Storage keeps three copies whatever a topic asks for; a wish for more cannot be met. */
const REPLICATION_FACTOR_MAX = 3;

export interface TopicWish {
  readonly name: string;
  readonly partitionCount: number | null | undefined;
  readonly replicationFactor: number | null | undefined;
  readonly configs?: readonly { readonly name: string; readonly value: string | null }[] | null | undefined;
  readonly validateOnly?: boolean | undefined;
}

/** What both ways of creating a topic over HTTP make of their bodies. INVALID_REPLICATION_FACTOR, INVALID_CONFIG. */
export function newTopic(wish: TopicWish): NewTopic {
  checkReplicationFactor(wish.replicationFactor ?? -1);
  const { partitionCount } = wish;
  return {
    name: wish.name,
    // Kafka's -1: the default of the deployment.
    ...(partitionCount === null || partitionCount === undefined || partitionCount === -1
      ? {}
      : { partitionCount }),
    ...(wish.configs ? { configs: configsOf(wish.configs) } : {}),
    ...(wish.validateOnly === true ? { validateOnly: true } : {}),
  };
}

function checkReplicationFactor(factor: number): void {
  if (factor === -1 || (factor >= 1 && factor <= REPLICATION_FACTOR_MAX)) return;
  throw new MillraceError(
    'INVALID_REPLICATION_FACTOR',
    `Replication factor: ${factor} is not from 1 to ${REPLICATION_FACTOR_MAX}.`,
  );
}

function configsOf(
  configs: readonly { readonly name: string; readonly value: string | null }[],
): Record<string, string> {
  const result: Record<string, string> = Object.create(null);
  for (const { name, value } of configs) {
    if (name in result) throw new MillraceError('INVALID_CONFIG', `Config ${name} is given twice`);
    // Null is Kafka's way to ask for the default.
    if (value !== null) result[name] = value;
  }
  return { ...result };
}
