import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import type { HttpHandler } from '../../../lib/http/handler.ts';
import type { HttpRequest } from '../../../lib/http/message.ts';
import { ListenError, type NodeServer, startNodeServer } from '../../../lib/http/node-server.ts';

const servers: NodeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close({ graceMs: 100 })));
});

/** Answers what it was asked; `handler` may replace that. */
const echo: HttpHandler = async ({ method, path, query, body, baseUrl }) => ({
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ method, path, query, baseUrl, body: Buffer.from(body).toString() }),
});

interface Served {
  readonly server: NodeServer;
  readonly url: string;
  /** A connection, and everything it will have received when it ends. */
  open(): { readonly socket: Socket; readonly received: Promise<string> };
  readonly requests: HttpRequest[];
}

async function serve(
  options: { readonly handler?: HttpHandler; readonly bytesMax?: number; readonly ms?: number } = {},
): Promise<Served> {
  const requests: HttpRequest[] = [];
  const { handler = echo, ms } = options;
  const server = await startNodeServer({
    handler: (request, context) => {
      requests.push(request);
      return handler(request, context);
    },
    clock: systemClock(),
    host: '127.0.0.1',
    port: 0,
    requestBytesMax: options.bytesMax ?? 1_000,
    ...(ms === undefined ? {} : { headMsMax: ms, requestMsMax: ms }),
  });
  servers.push(server);
  const port = Number(new URL(server.url).port);
  return {
    server,
    url: server.url,
    requests,
    open: () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      return { socket, received: text(socket).catch(() => 'broken off') };
    },
  };
}

describe('the Node server', () => {
  it('hands over method, path, query, headers and body', async () => {
    const { url, requests } = await serve();
    const answer = await fetch(`${url}/a%20b?c=d?e`, {
      method: 'POST',
      body: 'hello',
      headers: { 'X-Y': 'z' },
    });
    expect(await answer.json()).toEqual({
      method: 'POST',
      path: '/a%20b',
      query: 'c=d?e',
      baseUrl: url,
      body: 'hello',
    });
    expect(answer.headers.get('content-length')).not.toBeNull();
    expect(requests[0]?.headers['x-y']).toBe('z');
  });

  it('takes requests in absolute form', async () => {
    const { open } = await serve();
    const { socket, received } = open();
    socket.end('GET http://elsewhere/p?q=1 HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n');
    expect(await received).toContain('"path":"/p","query":"q=1","baseUrl":"http://elsewhere"');
  });

  it('makes no links of a Host header that is none', async () => {
    const { open } = await serve();
    const { socket, received } = open();
    socket.end('GET / HTTP/1.1\r\nHost: a"<b>\r\nConnection: close\r\n\r\n');
    expect(await received).toMatch(/"baseUrl":""|^HTTP\/1.1 400/);
  });

  it('keeps a connection for many requests and joins a body that comes in pieces', async () => {
    const { open } = await serve();
    const { socket, received } = open();
    socket.write('POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nab');
    await new Promise((resolve) => setImmediate(resolve));
    socket.write('cdef');
    socket.write(
      'POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nxyz\r\n0\r\n\r\n',
    );
    const answers = await received;
    expect(answers).toContain('"body":"abcdef"');
    expect(answers).toContain('"body":"xyz"');
  });

  it('unpacks gzip, within the same bound', async () => {
    const { url } = await serve();
    const post = (body: Uint8Array, encoding: string): Promise<Response> =>
      fetch(url, { method: 'POST', body: new Uint8Array(body), headers: { 'Content-Encoding': encoding } });
    expect(await (await post(gzipSync('hello'), 'gzip')).json()).toMatchObject({ body: 'hello' });
    expect((await post(gzipSync('x'.repeat(1_001)), 'gzip')).status).toBe(413);
    expect((await post(Buffer.from('no gzip'), 'gzip')).status).toBe(400);
    expect((await post(Buffer.from('x'), 'br')).status).toBe(415);
    expect(await (await post(Buffer.from('plain'), 'identity')).json()).toMatchObject({ body: 'plain' });
  });

  it('sends empty answers and bytes as they are', async () => {
    const answers = [
      { status: 204, headers: {}, body: '' },
      { status: 200, headers: { 'Content-Type': 'x/y' }, body: Uint8Array.of(0, 255) },
    ];
    const { url } = await serve({
      handler: async () => answers.shift() ?? { status: 500, headers: {}, body: '' },
    });
    const empty = await fetch(url);
    expect([empty.status, await empty.text(), empty.headers.get('content-length')]).toEqual([204, '', null]);
    expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(Uint8Array.of(0, 255));
  });
});

describe('a body that is too large', () => {
  it('is refused by its stated length, before it is read, and the handler never sees it', async () => {
    const { open, requests } = await serve();
    const { socket, received } = open();
    socket.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\nbegin');
    expect(await received).toMatch(/^HTTP\/1.1 413 .*MESSAGE_TOO_LARGE/s);
    expect(requests).toEqual([]);
  });

  it('is refused as soon as it passes the bound, when it never ends', async () => {
    const { open, requests } = await serve();
    const { socket, received } = open();
    socket.write('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `400\r\n${'x'.repeat(1_024)}\r\n`;
    const endless = setInterval(() => socket.write(chunk), 1);
    expect(await received).toMatch(/^HTTP\/1.1 413 /);
    clearInterval(endless);
    expect(requests).toEqual([]);
  });

  it('gets no permission to be sent', async () => {
    const { open } = await serve();
    const { socket, received } = open();
    socket.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n');
    expect(await received).toMatch(/^HTTP\/1.1 413 /);
  });

  it('a good one that asks for permission gets it', async () => {
    const { open } = await serve();
    const { socket, received } = open();
    socket.write(
      'POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
    );
    socket.once('data', () => socket.write('ok'));
    expect(await received).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 .*"body":"ok"/s);
  });

  it('reaches clients that send all of it before they listen', async () => {
    const { url } = await serve();
    const answer = await fetch(url, { method: 'POST', body: new Uint8Array(5_000_000) });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error_code: 413, kafka_error: 'MESSAGE_TOO_LARGE' });
  });
});

describe('requests that are broken', () => {
  it.each([
    ['nonsense\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('%j is answered by the server itself', async (bytes, status) => {
    const { open, requests } = await serve();
    const { socket, received } = open();
    socket.write(bytes);
    expect(await received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(requests).toEqual([]);
  });

  it('a body that does not come is given up with 408', async () => {
    const { open, requests } = await serve({ ms: 50 });
    const { socket, received } = open();
    socket.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
    expect(await received).toMatch(/^HTTP\/1.1 408 .*"error_code":408/s);
    expect(requests).toEqual([]);
  });

  it('a head that does not come is given up', async () => {
    const { open } = await serve({ ms: 50 });
    const { socket, received } = open();
    socket.write('POST / HT');
    expect(await received).toMatch(/^HTTP\/1.1 408 /);
  });

  it('a connection that is half closed in the middle of a body stores nothing', async () => {
    const { open, requests } = await serve();
    const { socket, received } = open();
    socket.end('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
    expect(await received).toMatch(/^HTTP\/1.1 400 /);
    expect(requests).toEqual([]);
  });

  it('a connection that is half closed behind a whole request is answered', async () => {
    const { open } = await serve();
    const { socket, received } = open();
    socket.end('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nfull');
    expect(await received).toContain('"body":"full"');
  });
});

/** Waits until the client is gone or the server stops, as a long poll does. */
const waiting =
  (began: () => void): HttpHandler =>
  (request) =>
    new Promise((resolve) => {
      const answer = (): void => resolve({ status: 200, headers: {}, body: 'ended' });
      if (request.signal?.aborted === true) answer();
      request.signal?.addEventListener('abort', answer);
      began();
    });

function signalled(): { readonly promise: Promise<void>; readonly now: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, now: resolve };
}

describe('a long wait', () => {
  it('ends when the client closes its connection', async () => {
    const began = signalled();
    const { open, requests } = await serve({ handler: waiting(began.now) });
    const { socket } = open();
    socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await began.promise;
    const { signal } = requests[0] ?? {};
    const aborted = new Promise((resolve) => signal?.addEventListener('abort', resolve));
    socket.destroy();
    await aborted;
  });

  it('leaves nothing on a connection that is used again and again', async () => {
    const { url, requests } = await serve({
      handler: async (request) => {
        expect(request.signal?.aborted).toBe(false);
        return { status: 200, headers: {}, body: '' };
      },
    });
    for (let count = 0; count < 30; count += 1) await (await fetch(url)).text();
    expect(requests).toHaveLength(30);
  });

  it('ends when the server stops, and is answered', async () => {
    const began = signalled();
    const { server, open } = await serve({ handler: waiting(began.now) });
    const { socket, received } = open();
    socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await began.promise;
    await server.close();
    expect(await received).toMatch(/^HTTP\/1.1 200 .*Connection: close.*ended$/s);
  });
});

describe('stopping', () => {
  it('finishes what is in flight and takes nothing new', async () => {
    const began = signalled();
    const finish = signalled();
    const handler: HttpHandler = async () => {
      began.now();
      await finish.promise;
      return { status: 200, headers: {}, body: 'finished' };
    };
    const { server, url } = await serve({ handler });
    const inFlight = fetch(url);
    await began.promise;
    const closed = server.close();
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    finish.now();
    expect(await (await inFlight).text()).toBe('finished');
    await closed;
  });

  it('cuts off what takes longer than the grace', async () => {
    const { server, open } = await serve();
    const { socket, received } = open();
    socket.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
    await new Promise((resolve) => socket.once('connect', resolve));
    await server.close({ graceMs: 50 });
    await received;
  });
});

describe('an address that cannot be listened on', () => {
  it.each([
    [() => ({ host: '127.0.0.1', port: Number(new URL(servers[0]?.url ?? '').port) }), /port is in use/],
    [() => ({ host: '203.0.113.7', port: 0 }), /no address of this machine/],
    [() => ({ host: 'no-such-host.invalid', port: 0 }), /cannot listen on no-such-host.invalid:0/],
  ])('is named with the reason', async (address, reason) => {
    await serve();
    const started = startNodeServer({ handler: echo, clock: systemClock(), ...address() });
    await expect(started).rejects.toThrow(ListenError);
    await expect(started).rejects.toThrow(reason);
  });
});
