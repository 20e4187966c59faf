import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  createTopic,
  dataFolder,
  produceOne,
  readAll,
  runToEnd,
  startNode,
} from './node-process.ts';

afterEach(cleanUp);

describe('npm start', () => {
  it('prints one line that begins `millrace ready`, with the URL, and a curl that works', async () => {
    const node = await startNode({ env: { MILLRACE_DATA_DIR: dataFolder() } });
    const [ready = '', ...rest] = node.output.split('\n');
    expect(ready).toMatch(/^millrace ready http:\/\/127\.0\.0\.1:\d+ /);
    expect(ready).toContain(`pid ${node.child.pid}`);
    const curls = rest.filter((line) => line.trim().startsWith('curl '));
    const answers = curls.map((line) =>
      execFileSync('sh', ['-c', `${line} -sS --fail`], { encoding: 'utf8' }),
    );
    expect(answers.at(-1)).toContain('"value":{"hello":"world"}');
  });

  it('makes a data directory where it was told to', async () => {
    const dataDir = join(dataFolder(), 'new', 'one');
    await startNode({ env: { MILLRACE_DATA_DIR: dataDir } });
    expect(existsSync(dataDir)).toBe(true);
  });

  it('finds everything again after a stop', async () => {
    const env = { MILLRACE_DATA_DIR: dataFolder() };
    const first = await startNode({ env });
    await createTopic(first.url, 't', 1);
    await produceOne(first.url, 't', { key: 'k', value: { n: 1 } });
    const cluster = await (await fetch(`${first.url}/v3/clusters`)).text();
    expect(await first.end('SIGINT')).toBe(0);
    const second = await startNode({ env });
    expect(await readAll(second.url, 't', 0)).toMatchObject([{ offset: 0, key: 'k', value: { n: 1 } }]);
    const idOf = (list: string): string | undefined => /"cluster_id":"([^"]+)"/.exec(list)?.[1];
    expect(idOf(await (await fetch(`${second.url}/v3/clusters`)).text())).toBe(idOf(cluster));
  });
});

describe('SIGTERM', () => {
  it('answers what is in flight, a long poll included, and exits with 0', async () => {
    const node = await startNode({ env: { MILLRACE_DATA_DIR: dataFolder() } });
    await createTopic(node.url, 't', 1);
    const { port } = new URL(node.url);
    /** Resolves once the bytes have left; what the connection then receives, until it ends. */
    const send = async (bytes: string): Promise<{ socket: Socket; received: Promise<string> }> => {
      const socket = connect(Number(port), '127.0.0.1');
      const received = text(socket);
      await new Promise((resolve) => socket.write(bytes, resolve));
      return { socket, received };
    };
    const body = '{"records":[{"value":"in flight"}]}';
    const half = await send(
      `POST /topics/t HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    const poll = await send(
      'GET /topics/t/partitions/0/records?offset=0&timeout=25000 HTTP/1.1\r\nHost: h\r\n\r\n',
    );
    // Connections are accepted in order, and one that is accepted is read before a later one: a kept one would prove nothing.
    const later = await send('GET /healthy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    expect(await later.received).toMatch(/^HTTP\/1.1 204 /);
    const ended = node.end('SIGTERM');
    expect(await poll.received).toMatch(/^HTTP\/1.1 200 .*\[\]$/s);
    half.socket.write(body.slice(5));
    expect(await half.received).toMatch(/^HTTP\/1.1 200 .*"offset":0/s);
    expect(await ended).toBe(0);
  });
});

describe('what cannot start says why in one line and exits with 1', () => {
  const reason = async (options: Parameters<typeof runToEnd>[0]): Promise<string> => {
    const { code, stdout, stderr } = await runToEnd(options);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^millrace cannot start: [^\n]+\n$/);
    expect(code).toBe(1);
    return stderr;
  };

  it('settings that make no sense', async () => {
    expect(await reason({ env: { MILLRACE_HTTP_PORT: 'http' } })).toContain('MILLRACE_HTTP_PORT');
    expect(await reason({ env: { MILLRACE_HOST: 'http://x' } })).toContain('MILLRACE_HOST');
  });

  it('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const env = { MILLRACE_HTTP_PORT: String(port), MILLRACE_DATA_DIR: dataFolder() };
    expect(await reason({ env })).toContain(`127.0.0.1:${port}: the port is in use`);
    other.close();
    // Nothing of the failed start holds the directory.
    await startNode({ env: { ...env, MILLRACE_HTTP_PORT: '0' } });
  });

  it('a second process on one data directory, which leaves the first alone', async () => {
    const env = { MILLRACE_DATA_DIR: dataFolder() };
    const first = await startNode({ env });
    await createTopic(first.url, 't', 1);
    expect(await reason({ env })).toContain('another process is using the data directory');
    expect(await produceOne(first.url, 't', { value: 1 })).toMatchObject({ offset: 0 });
  });

  it('a data directory of a newer format, which is left as it is', async () => {
    const dataDir = dataFolder();
    const node = await startNode({ env: { MILLRACE_DATA_DIR: dataDir } });
    await node.end('SIGTERM');
    const file = readdirSync(dataDir).find((name) => name.endsWith('.sqlite')) ?? '';
    const db = new DatabaseSync(join(dataDir, file));
    db.exec('PRAGMA user_version = 999');
    db.close();
    expect(await reason({ env: { MILLRACE_DATA_DIR: dataDir } })).toMatch(/format 999; .* reads up to/);
  });

  // Root may write anywhere, so the process runs as another user; only root can start one.
  it.runIf(process.getuid?.() === 0)('a data directory that cannot be written', async () => {
    const dataDir = dataFolder();
    chownSync(dataDir, 65_534, 65_534);
    chmodSync(dataDir, 0o500);
    const message = await reason({ env: { MILLRACE_DATA_DIR: dataDir }, uid: 65_534 });
    expect(message).toContain(dataDir);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('a data directory that is a file', async () => {
    const dataDir = join(dataFolder(), 'file');
    execFileSync('touch', [dataDir]);
    expect(await reason({ env: { MILLRACE_DATA_DIR: dataDir } })).toContain(dataDir);
  });
});
