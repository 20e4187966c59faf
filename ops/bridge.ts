import { readFile } from 'node:fs/promises';
import { MillraceError } from '../lib/errors.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import { BRIDGE_USAGE, type BridgeArguments, readBridgeArguments } from './bridge/arguments.ts';
import { openEngine } from './bridge/engine.ts';
import { fromKafka } from './bridge/from-kafka.ts';
import { type KafkaOptions, openKafka } from './bridge/kafka.ts';
import { createProgress } from './bridge/progress.ts';
import { createStop } from './bridge/stop.ts';
import { toKafka } from './bridge/to-kafka.ts';

/** `npm run bridge`: copies a topic between an Apache Kafka cluster and Millrace. docs/migrate.md tells when and how. */
async function main(args: BridgeArguments): Promise<void> {
  const { direction, topic, to, isOnce } = args;
  const client = await clientOptions(args);
  const stop = createStop();
  process.once('SIGINT', () => stop.ask());
  process.once('SIGTERM', () => stop.ask());
  const name = `${topic} → ${to}`;
  const progress = createProgress(name, { line: console.log, progress: console.error });
  const kafka = await openKafka(client);
  try {
    const engine = await openEngine(args.place);
    try {
      const parts = { kafka, engine, progress, stop, client };
      await (direction === 'from-kafka' ? fromKafka : toKafka)(parts, { topic, to, isOnce });
      progress.end();
    } finally {
      engine.close();
    }
  } finally {
    await kafka.close();
  }
}

async function clientOptions({ bootstrap, clientFile }: BridgeArguments): Promise<KafkaOptions> {
  const given: object = clientFile === undefined ? {} : JSON.parse(await readFile(clientFile, 'utf8'));
  return { clientId: 'millrace-bridge', ...given, bootstrapBrokers: [...bootstrap] };
}

/** One line: the causes of the Kafka client's errors say more than their own text. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const within = error instanceof AggregateError ? error.errors : [];
  return [error.message, ...within.slice(-1).map(told)].join(': ');
}

try {
  const args = readBridgeArguments(process.argv.slice(2), process.env);
  if (args === undefined) console.log(BRIDGE_USAGE);
  else await main(args);
} catch (error) {
  const isTold =
    error instanceof MillraceError ||
    error instanceof StorageFault ||
    (error instanceof Error && 'code' in error) ||
    (error instanceof Error && error.constructor === Error);
  console.error(isTold ? `millrace: ${told(error)}` : error);
  process.exitCode = 2;
}
