import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { LIMITS } from '../limits.ts';
import type { Clock } from '../storage/clock.ts';
import { Meter } from '../storage/meter.ts';
import type { HttpHandler } from './handler.ts';
import { errorBody, errorResponse, HttpError } from './http-error.ts';
import { type HttpResponse, MEDIA } from './message.ts';
import { collectBody, hasBody, refusalOf } from './node-body.ts';
import { NodeRequest } from './node-request.ts';

export interface NodeServerOptions {
  readonly handler: HttpHandler;
  readonly clock: Clock;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** @default LIMITS.requestBytesMax */
  readonly requestBytesMax?: number;
  /** How long the head of a request, and all of it, may take to come. @default 15 s, 30 s */
  readonly headMsMax?: number;
  readonly requestMsMax?: number;
}

export interface NodeServer {
  readonly url: string;
  /** Takes no more connections, ends waits, finishes what is in flight; what takes longer than `graceMs` is cut off. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** The address cannot be listened on; the message says why in words for the person who chose it. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

const HEAD_BYTES_MAX = 16_384;
const KEEP_ALIVE_MS = 65_000;
/** How long a refused body is read on and thrown away, so that the client sees the answer before the connection ends. */
const LINGER_MS = 1_000;
const GRACE_MS = 10_000;
const NOTHING = new Uint8Array(0);

/** Serves the handler on Node's own HTTP server. Throws `ListenError`. */
export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const serving = new Serving(options);
  const server = createServer(
    {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: options.headMsMax ?? 15_000,
      requestTimeout: options.requestMsMax ?? 30_000,
      connectionsCheckingInterval: Math.min(1_000, options.headMsMax ?? 1_000),
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    (incoming, outgoing) => serving.take(incoming, outgoing),
  );
  // A client may close its sending half and still read the answer.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (refusalOf(incoming, serving.bytesMax) === undefined) outgoing.writeContinue();
    serving.take(incoming, outgoing);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    serving.malformed(error, socket),
  );
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    close: ({ graceMs = GRACE_MS } = {}) => serving.stop(server, graceMs),
  };
}

class Serving {
  readonly bytesMax: number;
  readonly #handler: HttpHandler;
  readonly #clock: Clock;
  readonly #waits = new Set<AbortController>();
  /** Answers that a connection waits for. */
  readonly #open = new WeakMap<Socket, ServerResponse>();
  #stopping = false;

  constructor({ handler, clock, requestBytesMax }: NodeServerOptions) {
    this.#handler = handler;
    this.#clock = clock;
    this.bytesMax = requestBytesMax ?? LIMITS.requestBytesMax;
  }

  take(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const refusal = refusalOf(incoming, this.bytesMax);
    if (refusal !== undefined) this.#refuse(incoming, outgoing, refusal);
    else if (!hasBody(incoming)) this.#answer(incoming, outgoing, NOTHING);
    else {
      collectBody(incoming, this.bytesMax, (body) => {
        if (body instanceof HttpError) this.#refuse(incoming, outgoing, body);
        else this.#answer(incoming, outgoing, body);
      });
    }
  }

  #answer(incoming: IncomingMessage, outgoing: ServerResponse, body: Uint8Array): void {
    const request = new NodeRequest(incoming, body, this.#waits);
    const deadlineMs = this.#clock.monotonicMs() + LIMITS.requestMsDefault;
    this.#open.set(incoming.socket, outgoing);
    // The handler answers every outcome; it never rejects.
    void this.#handler(request, { call: { meter: new Meter(), deadlineMs } }).then((response) => {
      request.release();
      this.#open.delete(incoming.socket);
      if (this.#stopping) outgoing.shouldKeepAlive = false;
      send(outgoing, response);
    });
  }

  /** Answers at once, then throws away what is still coming for a moment, and ends the connection. */
  #refuse(incoming: IncomingMessage, outgoing: ServerResponse, refusal: HttpError): void {
    outgoing.shouldKeepAlive = false;
    const response = errorResponse(refusal, MEDIA.v2);
    if (incoming.complete) {
      send(outgoing, response);
      return;
    }
    this.#open.set(incoming.socket, outgoing);
    outgoing.writeHead(response.status, headersOf(response));
    outgoing.write(response.body);
    const end = (): void => {
      clearTimeout(timer);
      outgoing.end();
    };
    const timer = setTimeout(end, LINGER_MS);
    incoming.once('end', end).once('close', end).resume();
  }

  /** What Node's parser could not read, or waited for in vain. */
  malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    const open = this.#open.get(socket);
    if (open !== undefined && error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') {
      // The answer to the request before comes first, and is the last one.
      open.shouldKeepAlive = false;
      return;
    }
    if (!socket.writable || open?.headersSent === true || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { status, reason, message } = malformedAnswer(error);
    const body = JSON.stringify(errorBody(new HttpError({ status }, message)));
    socket.end(
      `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: ${MEDIA.v2}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      () => socket.destroySoon(),
    );
  }

  async stop(server: Server, graceMs: number): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const wait of this.#waits) wait.abort();
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }
}

function malformedAnswer({ code }: NodeJS.ErrnoException): {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
} {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `The head of the request is larger than ${HEAD_BYTES_MAX} bytes`;
    return { status: 431, reason: 'Request Header Fields Too Large', message };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, reason: 'Request Timeout', message: 'The request did not come in time' };
  }
  return { status: 400, reason: 'Bad Request', message: 'The request is not valid HTTP' };
}

function headersOf({ headers, body }: HttpResponse): string[] {
  const list: string[] = [];
  for (const name in headers) list.push(name, headers[name] ?? '');
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  list.push('Content-Length', String(bytes));
  return list;
}

function send(outgoing: ServerResponse, response: HttpResponse): void {
  if (outgoing.destroyed) return;
  if (response.body.length === 0 && (response.status === 204 || outgoing.req.method === 'HEAD')) {
    outgoing.writeHead(response.status, { ...response.headers }).end();
    return;
  }
  outgoing.writeHead(response.status, headersOf(response));
  outgoing.end(response.body);
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'the port may not be opened by this user',
  EADDRNOTAVAIL: 'the host is no address of this machine',
  ENOTFOUND: 'the host has no address',
};

function listen(server: Server, { host, port }: NodeServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const problem = LISTEN_PROBLEMS[error.code ?? ''] ?? error.message;
      reject(new ListenError(`cannot listen on ${host}:${port}: ${problem}`, { cause: error }));
    });
    server.listen({ host, port, backlog: 1_024 }, resolve);
  });
}
