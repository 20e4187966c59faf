import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface WrittenReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects are sent as JSON. */
  readonly body?: string | Uint8Array | object;
}

/** What the server does with one request. */
export type Reply =
  | WrittenReply
  /** Never answers. */
  | 'hang'
  /** Closes the connection without an answer. */
  | 'reset'
  /** Good headers, half a body, and then silence or a closed connection. */
  | 'hang in the body'
  | 'reset in the body';

export interface ScriptedServer {
  readonly endpoint: string;
  readonly requests: readonly SeenRequest[];
  /** Connections accepted so far. */
  connectionCount(): number;
  /** Resolves once `count` requests have arrived. */
  arrived(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** A local HTTP server that does what its script says, request by request; the last reply is repeated. */
export async function startScriptedServer(
  script: readonly (Reply | ((request: SeenRequest) => Reply | Promise<Reply>))[],
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();
  const sockets = new Set<Socket>();

  const server = createServer(async (message, response) => {
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part as Buffer);
    const { method = '', url: path = '', headers } = message;
    const request = { method, path, headers, body: Buffer.concat(parts) };
    const step = script[Math.min(requests.length, script.length - 1)] ?? {};
    requests.push(request);
    for (const waiter of waiting) if (requests.length >= waiter.count) waiter.resolve();
    answer(response, typeof step === 'function' ? await step(request) : step);
  });
  let connectionCount = 0;
  server.on('connection', (socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    connectionCount: () => connectionCount,
    arrived: (count) =>
      new Promise((resolve) => {
        if (requests.length >= count) resolve();
        else waiting.add({ count, resolve });
      }),
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function answer(response: ServerResponse, reply: Reply): void {
  if (reply === 'hang') return;
  if (reply === 'reset') {
    response.destroy();
    return;
  }
  if (reply === 'hang in the body' || reply === 'reset in the body') {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"half":', () => {
      if (reply === 'reset in the body') response.destroy();
    });
    return;
  }
  const { status = 200, headers = {}, body = {} } = reply;
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  response.writeHead(status, headers);
  response.end(bytes);
}
