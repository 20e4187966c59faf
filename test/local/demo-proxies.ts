import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

interface Passed {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Stands before a node: `answer` gets what the node answered, and says what the client sees. */
async function startProxy(behind: string | (() => string), answer: (passed: Passed) => void): Promise<Proxy> {
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const sent: Buffer[] = [];
    for await (const part of request) sent.push(part as Buffer);
    const headers = new Headers();
    for (const name of ['content-type', 'accept', 'idempotency-key']) {
      const value = request.headers[name];
      if (typeof value === 'string') headers.set(name, value);
    }
    const url = typeof behind === 'string' ? behind : behind();
    const got = await fetch(url + request.url, {
      method: request.method ?? 'GET',
      headers,
      ...(sent.length > 0 ? { body: Buffer.concat(sent) } : {}),
    });
    answer({ request, response, status: got.status, headers: got.headers, body: await got.text() });
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function passOn({ response, status, headers }: Passed, body: string): void {
  const kept = ['content-type', 'x-next-offset', 'x-millrace-cost'].flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  response.writeHead(status, Object.fromEntries(kept)).end(body);
}

/** The values of two flights from one airport change places in what is read from partition 0. */
export const startSwappingProxy = (url: string): Promise<Proxy> =>
  startProxy(url, (passed) => {
    if (!passed.request.url?.includes('/partitions/0/records?offset=0&')) return passOn(passed, passed.body);
    const records = JSON.parse(passed.body) as { key: string; value: unknown }[];
    const [one] = records;
    const other = records.findLast(({ key }) => key === one?.key);
    if (one !== undefined && other !== undefined) [one.value, other.value] = [other.value, one.value];
    passOn(passed, JSON.stringify(records));
  });

/** Once it is told to lie about a node, the first record that is read from partition 0 is missing. */
export async function startLosingProxy(
  url: string,
): Promise<Proxy & { lieAbout: (url: string) => void; lost: () => string }> {
  let isLying = false;
  let behind = url;
  let lost = '';
  const proxy = await startProxy(
    () => behind,
    (passed) => {
      const isFirst = passed.request.url?.includes('/partitions/0/records?offset=0&') === true;
      if (!isLying || !isFirst) return passOn(passed, passed.body);
      const [first, ...others] = JSON.parse(passed.body) as { readonly key: string }[];
      lost = JSON.stringify(first?.key);
      passOn(passed, JSON.stringify(others));
    },
  );
  return {
    ...proxy,
    lieAbout: (restarted) => {
      isLying = true;
      behind = restarted;
    },
    lost: () => lost,
  };
}

/** The first produce to partition 1 is stored, and its answer lost. */
export function startForgetfulProxy(url: string): Promise<Proxy> {
  let isLost = false;
  return startProxy(url, (passed) => {
    if (!isLost && passed.request.method === 'POST' && passed.request.url?.endsWith('/partitions/1')) {
      isLost = true;
      passed.response.destroy();
    } else passOn(passed, passed.body);
  });
}
