import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { dynamoClient } from '../../lib/adapters/dynamodb/index.ts';

/** One region's HTTP API. */
export interface Api {
  /** Of the region, for people. */
  readonly name: string;
  /** Below `/v3/clusters/{cluster}`. Throws `ApiError`. */
  v3<T>(method: Method, path: string, body?: object): Promise<T>;
  /** Anywhere else. Throws `ApiError`. */
  get<T>(path: string): Promise<T>;
}

type Method = 'GET' | 'POST' | 'DELETE';

/** What the API said no to, or that it could not be asked; with one line for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Undefined: there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, options);
    this.status = options.status;
  }
}

export interface Access {
  /** Sent as a bearer token. */
  readonly token?: string;
  /** AWS region in whose name requests are signed. @default that of the host, if it is API Gateway's */
  readonly signedRegion?: string;
}

const JSON_BODY = { 'content-type': 'application/json' } as const;
const TIMEOUT_MS = 30_000;
const TRIES_MAX = 4;
const PAUSE_MS = 200;
const GATEWAY = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;

type Headers = Readonly<Record<string, string>>;
interface Request {
  readonly method: Method;
  readonly url: URL;
  /** JSON. */
  readonly body?: string;
}
type Authorize = (request: Request) => Promise<Headers>;

/**
 * Asks over HTTP: a local node as it is, a deployment with a token, or signed with the credentials that AWS's tools find.
 * What may be repeated is: every request here either only looks, or leads to a state.
 */
export function openApi(baseUrl: string, access: Access): Api {
  const authorize = authorizer(baseUrl, access);
  const base = baseUrl.replace(/\/+$/, '');
  const ask = async (method: Method, path: string, body?: object): Promise<unknown> => {
    const url = new URL(`${base}${path}`);
    const request = { method, url, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    for (let tries = 1; ; tries += 1) {
      const answer = await askOnce(request, authorize).catch((error: unknown) => {
        if (error instanceof ApiError && isWorthAnotherTry(error) && tries < TRIES_MAX) return undefined;
        throw error;
      });
      if (answer !== undefined) return answer.json;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * tries));
    }
  };
  let cluster: Promise<string> | undefined;
  return {
    name: base,
    get: async <T>(path: string) => (await ask('GET', path)) as T,
    v3: async <T>(method: Method, path: string, body?: object) => {
      cluster ??= clusterOf(ask);
      return (await ask(method, `/v3/clusters/${await cluster}${path}`, body)) as T;
    },
  };
}

async function clusterOf(ask: (method: Method, path: string) => Promise<unknown>): Promise<string> {
  const { data } = (await ask('GET', '/v3/clusters')) as { data: { cluster_id: string }[] };
  const [first] = data;
  if (first === undefined) throw new ApiError('the API tells of no cluster: is this Millrace?');
  return first.cluster_id;
}

const isWorthAnotherTry = ({ status }: ApiError): boolean => status === undefined || status >= 500;

async function askOnce(request: Request, authorize: Authorize): Promise<{ readonly json: unknown }> {
  const { method, url, body } = request;
  let response: Response;
  let text: string;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const headers = { ...(body === undefined ? {} : JSON_BODY), ...(await authorize(request)) };
    response = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    text = await response.text();
  } catch (cause) {
    const why =
      cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : cause;
    throw new ApiError(`${url.origin} cannot be reached: ${why}`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = {};
  }
  if (response.ok) return { json };
  const { message = text.slice(0, 200) } = json as { readonly message?: string };
  throw new ApiError(`${method} ${url.pathname} at ${url.origin}: ${response.status} ${message}`, {
    status: response.status,
  });
}

function authorizer(baseUrl: string, { token, signedRegion }: Access): Authorize {
  if (token !== undefined) return async () => ({ Authorization: `Bearer ${token}` });
  const region = signedRegion ?? GATEWAY.exec(new URL(baseUrl).hostname)?.[1];
  if (region === undefined) return async () => ({});
  const { credentials } = dynamoClient({ region }).config;
  const signer = new SignatureV4({ credentials, region, service: 'execute-api', sha256: Sha256 });
  return async ({ method, url, body }) => {
    const { headers } = await signer.sign({
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { host: url.host, ...(body === undefined ? {} : JSON_BODY) },
      ...(body === undefined ? {} : { body }),
    });
    return headers;
  };
}
