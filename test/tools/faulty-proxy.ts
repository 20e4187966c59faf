import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import type { Socket } from 'node:net';

/**
 * What the proxy does to one request. "before": the server never sees it; "after": the server carries it out and its
 * answer is lost.
 */
export type ProxyFault =
  | 'none'
  | 'throttle'
  | 'exceed'
  | 'error before'
  | 'error after'
  | 'reset before'
  | 'reset after'
  | 'silence after'
  | { readonly delayMs: number };

export interface FaultyProxy {
  readonly endpoint: string;
  /** How often each fault was made. */
  readonly counts: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/**
 * Stands between an AWS client and an emulator, and harms each request as `next` says. It is spoken to without TLS, also
 * where the emulator speaks it with a certificate of its own, `ca`.
 */
export async function startFaultyProxy(
  target: string,
  next: (request: IncomingMessage) => ProxyFault,
  { ca }: { readonly ca?: string } = {},
): Promise<FaultyProxy> {
  const counts: Record<string, number> = {};
  const sockets = new Set<Socket>();
  const agent = ca === undefined ? new Agent({ keepAlive: true }) : new SecureAgent({ keepAlive: true, ca });

  const server = createServer(async (message, response) => {
    const fault = next(message);
    const name = typeof fault === 'string' ? fault : 'delay';
    counts[name] = (counts[name] ?? 0) + 1;
    try {
      await pass(message, response, fault, (body) => forward(target, agent, message, body));
    } catch {
      response.destroy();
    }
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    counts,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await once(server, 'close');
    },
  };
}

async function pass(
  message: IncomingMessage,
  response: ServerResponse,
  fault: ProxyFault,
  send: (body: Buffer) => Promise<Answer>,
): Promise<void> {
  const body = await bytesOf(message);
  if (fault === 'throttle') {
    refuse(response, 400, 'ThrottlingException');
    return;
  }
  if (fault === 'exceed') {
    refuse(response, 400, 'ProvisionedThroughputExceededException');
    return;
  }
  if (fault === 'error before') {
    refuse(response, 500, 'InternalServerError');
    return;
  }
  if (fault === 'reset before') {
    response.destroy();
    return;
  }
  if (typeof fault === 'object') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  const answer = await send(body);
  if (fault === 'error after') refuse(response, 500, 'InternalServerError');
  else if (fault === 'reset after') response.destroy();
  else if (fault !== 'silence after') response.writeHead(answer.status, answer.headers).end(answer.body);
}

function refuse(response: ServerResponse, status: number, type: string): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'injected' }));
}

function forward(target: string, agent: Agent, message: IncomingMessage, body: Buffer): Promise<Answer> {
  const { method, url = '/', headers } = message;
  return new Promise((resolve, reject) => {
    const send = agent instanceof SecureAgent ? requestHttps : requestHttp;
    const request = send(new URL(url, target), { method, headers, agent });
    request.on('error', reject);
    request.on('response', (response) => {
      bytesOf(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 502, headers: response.headers, body: bytes }),
        reject,
      );
    });
    request.end(body);
  });
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
