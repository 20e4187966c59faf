import { parseArgs } from 'node:util';
import { PLACE_HELP, PLACE_OPTIONS, type Place, placeOf } from '../arguments.ts';

export type Direction = 'from-kafka' | 'to-kafka';

export interface BridgeArguments {
  readonly direction: Direction;
  /** `host:port` of brokers. */
  readonly bootstrap: readonly string[];
  /** The topic that is copied, and its copy's name. */
  readonly topic: string;
  readonly to: string;
  /** End where the topic ended at the start, and do not wait for more. */
  readonly isOnce: boolean;
  /** A JSON file with options of the Kafka client, such as `tls` and `sasl`. */
  readonly clientFile?: string;
  readonly place: Place;
}

export const BRIDGE_USAGE: string = `npm run bridge -- from-kafka|to-kafka --bootstrap HOST:PORT,… --topic NAME [options] [where the log is]

Copies a topic between an Apache Kafka cluster and Millrace, and goes on where it was, whenever it is started again.
docs/migrate.md tells what is kept and how to move a topic with its consumers.

  --to NAME              name of the copy (the topic's)
  --once                 end when all is copied that was there at the start
  --client FILE          JSON with options of @platformatic/kafka: tls, sasl, timeout, …

${PLACE_HELP}`;

type Environment = Readonly<Record<string, string | undefined>>;

const OPTIONS = {
  bootstrap: { type: 'string' },
  topic: { type: 'string' },
  to: { type: 'string' },
  once: { type: 'boolean' },
  client: { type: 'string' },
  help: { type: 'boolean' },
  ...PLACE_OPTIONS,
} as const;

/** Undefined: help was asked for. Throws an error with one line that says what is wrong. */
export function readBridgeArguments(
  args: readonly string[],
  environment: Environment,
): BridgeArguments | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  });
  if (values.help === true) return undefined;
  const [direction, ...more] = positionals;
  if ((direction !== 'from-kafka' && direction !== 'to-kafka') || more.length > 0) {
    throw new Error('say from-kafka or to-kafka; --help tells more');
  }
  const bootstrap = (values.bootstrap ?? '').split(',').filter((broker) => broker !== '');
  if (bootstrap.length === 0) throw new Error('--bootstrap is missing: host:port of brokers');
  if (!values.topic) throw new Error('--topic is missing');
  return {
    direction,
    bootstrap,
    topic: values.topic,
    to: values.to ?? values.topic,
    isOnce: values.once ?? false,
    ...(values.client === undefined ? {} : { clientFile: values.client }),
    place: placeOf(values, environment),
  };
}
