import type { IncomingMessage } from 'node:http';
import type { HttpRequest } from './message.ts';

const HOST = /^[\w.\-[\]:]{1,255}$/;

/** Who may end a request's wait: the client that goes away, and the server that stops. */
export interface Waits {
  add(controller: AbortController): void;
  delete(controller: AbortController): void;
}

/** A request on Node's server, and what has to be undone once it is answered. */
export class NodeRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  readonly #incoming: IncomingMessage;
  readonly #waits: Waits;
  #controller: AbortController | undefined;
  #stop: (() => void) | undefined;

  constructor(incoming: IncomingMessage, body: Uint8Array, waits: Waits) {
    const target = originForm(incoming.url ?? '/');
    const mark = target.indexOf('?');
    this.method = incoming.method ?? 'GET';
    this.path = mark === -1 ? target : target.slice(0, mark);
    this.query = mark === -1 ? '' : target.slice(mark + 1);
    // Only set-cookie, which no client sends, would be a list.
    this.headers = incoming.headers as Record<string, string | undefined>;
    this.body = body;
    this.#incoming = incoming;
    this.#waits = waits;
  }

  get baseUrl(): string {
    const { host } = this.#incoming.headers;
    return host !== undefined && HOST.test(host) ? `http://${host}` : '';
  }

  /**
   * Aborted as soon as the client has closed its side, wholly or half, or the server stops. Made on first use: most
   * requests never wait.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      const stop = (): void => controller.abort();
      const { socket } = this.#incoming;
      if (socket.readableEnded || socket.destroyed) stop();
      else socket.once('end', stop).once('close', stop);
      this.#waits.add(controller);
      this.#controller = controller;
      this.#stop = stop;
    }
    return this.#controller.signal;
  }

  release(): void {
    if (this.#controller === undefined || this.#stop === undefined) return;
    this.#incoming.socket.off('end', this.#stop).off('close', this.#stop);
    this.#waits.delete(this.#controller);
  }
}

/** RFC 9112 §3.2.2: a server takes the absolute form too. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const path = /^https?:\/\/[^/?]*(.*)$/i.exec(target)?.[1] ?? '/';
  return path.startsWith('/') ? path : `/${path}`;
}
