import { readFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startDaemon } from './daemon.ts';
import { installMinistack } from './ministack-install.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ministack {
  readonly endpoint: string;
  /** The certificate to trust, if it speaks TLS. */
  readonly caFile?: string;
  /** For child processes that are to use it, over the environment they have. */
  readonly env: Readonly<Record<string, string>>;
  /** Its own directory: Lambda code, logs (`output.txt`), TLS files; removed by `stop`. */
  readonly directory: string;
  stop(): Promise<void>;
}

/**
 * Starts MiniStack (an emulator of AWS's APIs) on a free port of 127.0.0.1, installing it first if need be, and waits
 * until it is healthy. `auth`: signatures and policies are enforced, and the key `test` is root. `tls`: it speaks HTTPS
 * only, with a certificate of its own. Its functions run on the Node of this repository: they are processes of the
 * first `node` on its PATH and see its whole environment, which is therefore built from nothing.
 */
export async function startMinistack(options: {
  readonly auth: boolean;
  readonly tls: boolean;
}): Promise<Ministack> {
  const { auth, tls } = options;
  const environment = await installMinistack(ROOT);
  const port = await freePort();
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const caFileIn = (directory: string): string => join(directory, 'ministack-tls', 'server.crt');

  const daemon = await startDaemon({
    name: 'ministack',
    command: (directory) => ({
      argv: [join(environment, 'bin', 'ministack')],
      env: {
        HOME: directory,
        PATH: `${join(ROOT, 'node_modules', '.bin')}:/usr/bin:/bin`,
        TMPDIR: directory,
        STATE_DIR: join(directory, 'state'),
        BIND_HOST: '127.0.0.1',
        GATEWAY_PORT: String(port),
        AUTH: String(auth),
        USE_SSL: tls ? '1' : '0',
        IOT_MTLS_ENABLED: '0',
        SFTP_ENABLED: '0',
      },
    }),
    ready: async (directory) => {
      const ca = tls ? await readFile(caFileIn(directory)) : undefined;
      return (await statusOf(`${endpoint}/_ministack/health`, ca)) === 200;
    },
  });

  const caFile = tls ? caFileIn(daemon.directory) : undefined;
  return {
    endpoint,
    ...(caFile === undefined ? {} : { caFile }),
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      ...(caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile, AWS_CA_BUNDLE: caFile }),
    },
    directory: daemon.directory,
    stop: daemon.stop,
  };
}

function statusOf(url: string, ca: Buffer | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = ca === undefined ? requestHttp(url) : requestHttps(url, { ca });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.setTimeout(2_000, () => request.destroy(new Error('no answer')));
    request.end();
  });
}
