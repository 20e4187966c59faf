import { freePort, startDaemon } from './daemon.ts';
import { fetchJars } from './maven.ts';

const DYNAMODB_LOCAL = 'com.amazonaws:DynamoDBLocal:2.6.1';

export interface DynamodbLocal {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts Amazon's DynamoDB Local (Java 17), in memory, on a free port of 127.0.0.1. */
export async function startDynamodbLocal(): Promise<DynamodbLocal> {
  const jars = await fetchJars([DYNAMODB_LOCAL]);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const daemon = await startDaemon({
    name: 'dynamodb-local',
    command: (directory) => ({
      argv: [
        'java',
        '-Xmx512m',
        `-Djava.io.tmpdir=${directory}`,
        // Its store is SQLite; Maven delivers the native library beside the jars.
        `-Dsqlite4java.library.path=${jars}`,
        '-cp',
        `${jars}/*`,
        'com.amazonaws.services.dynamodbv2.local.main.ServerRunner',
        '-inMemory',
        '-disableTelemetry',
        '-port',
        String(port),
      ],
      env: { HOME: directory, PATH: process.env.PATH ?? '/usr/bin:/bin' },
    }),
    // It answers an unsigned request with an error, but it answers.
    ready: async () => (await fetch(endpoint)).status === 400,
  });
  return { endpoint, stop: daemon.stop };
}
