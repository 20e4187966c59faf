import { Agent, type RequestOptions, request } from 'node:https';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface ClientRequest {
  readonly method: string;
  /** Beginning with `/`, with its query string. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Anything but a string or bytes is sent as JSON. */
  readonly body?: unknown;
}

export interface ClientResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The body parsed; throws when it is no JSON. */
  readonly json: () => unknown;
}

export type Client = (request: ClientRequest) => Promise<ClientResponse>;

export interface ClientOptions {
  /** The API's URL, which may hold a path. */
  readonly url: string;
  /** The certificate to trust, in PEM. */
  readonly ca: string;
  /** How a request is authorized; answers the headers to send. */
  readonly authorize?: Authorize;
}

/** A request as it will be sent, to the headers that it is sent with. */
export type Authorize = (request: OutgoingRequest) => Promise<Readonly<Record<string, string>>>;

export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A client over connections of its own. */
export function httpClient({ url, ca, authorize }: ClientOptions): Client {
  const agent = new Agent({ keepAlive: true, ca, maxSockets: 64 });
  return async ({ method, path, headers = {}, body }) => {
    const outgoing: OutgoingRequest = {
      url: new URL(`${url}${path}`),
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: bytesOf(body),
    };
    const sent = authorize === undefined ? outgoing.headers : await authorize(outgoing);
    return send(outgoing, { agent, method, headers: { ...sent } });
  };
}

/** Signs as AWS's own clients do; API Gateway's name in signatures is `execute-api`. */
export function sigV4(
  credentials: Credentials,
  {
    service = 'execute-api',
    region = 'us-east-1',
  }: { readonly service?: string; readonly region?: string } = {},
): Authorize {
  const signer = new SignatureV4({ credentials, region, service, sha256: Sha256 });
  return async ({ url, method, headers, body }) => {
    const signed = await signer.sign({
      protocol: url.protocol,
      hostname: url.hostname,
      port: Number(url.port),
      path: url.pathname,
      query: queryOf(url),
      method,
      headers: { host: url.host, ...headers },
      body,
    });
    return signed.headers;
  };
}

function queryOf(url: URL): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(name);
    query[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return query;
}

function bytesOf(body: unknown): Uint8Array {
  if (body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function send({ url, body }: OutgoingRequest, options: RequestOptions): Promise<ClientResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', reject);
      incoming.once('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: bytes,
          json: () => JSON.parse(bytes.toString('utf8')) as unknown,
        });
      });
    });
    outgoing.once('error', reject);
    outgoing.end(body.length === 0 ? undefined : body);
  });
}
