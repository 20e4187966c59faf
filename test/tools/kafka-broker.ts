import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { type Daemon, freePort, startDaemon } from './daemon.ts';
import { fetchJars } from './maven.ts';

/** Of DumpLogSegments too, so that there is one folder of jars. */
const KAFKA = 'org.apache.kafka:kafka_2.13:4.1.0';
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';
const LOGIN = { username: 'bridge', password: 'over-the-river' };

export interface KafkaBroker extends Daemon {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** The same broker, for those who log in. */
  readonly saslAddress: string;
  readonly login: { readonly username: string; readonly password: string };
}

/** An Apache Kafka cluster of one node, controller included, in a directory of its own. */
export async function startKafkaBroker(): Promise<KafkaBroker> {
  const jars = await fetchJars([KAFKA]);
  const [port, saslPort, controllerPort] = [await freePort(), await freePort(), await freePort()];
  const address = `127.0.0.1:${port}`;
  const daemon = await startDaemon({
    name: 'kafka',
    command: (directory) => {
      const file = join(directory, 'server.properties');
      writeFileSync(file, propertiesOf({ directory, port, saslPort, controllerPort }));
      const java = `java -Xmx512m -XX:TieredStopAtLevel=1 -cp '${jars}/*'`;
      const format = `${java} kafka.tools.StorageTool format -t ${CLUSTER_ID} -c '${file}'`;
      const script = `${format} && exec ${java} kafka.Kafka '${file}'`;
      return { argv: ['/bin/sh', '-c', script], env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8' } };
    },
    ready: () => answers(address),
  });
  return { ...daemon, address, saslAddress: `127.0.0.1:${saslPort}`, login: LOGIN };
}

async function answers(address: string): Promise<boolean> {
  const admin = new Admin({ clientId: 'ready', bootstrapBrokers: [address], retries: 0, timeout: 2_000 });
  try {
    await admin.listTopics();
    return true;
  } finally {
    await admin.close();
  }
}

interface BrokerPlace {
  readonly directory: string;
  readonly port: number;
  readonly saslPort: number;
  readonly controllerPort: number;
}

const propertiesOf = ({
  directory,
  port,
  saslPort,
  controllerPort,
}: BrokerPlace): string => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${saslPort},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${saslPort}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${LOGIN.username}="${LOGIN.password}";
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${directory}/logs
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
`;
