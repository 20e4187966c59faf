import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { undoEncoding } from '../lib/http/content-encoding.ts';
import { HttpError } from '../lib/http/http-error.ts';
import type { HttpRequest, HttpResponse } from '../lib/http/message.ts';
import { LIMITS } from '../lib/limits.ts';

/** The parts of API Gateway's request context that differ by kind of authorization. */
interface Authorized {
  readonly authorizer?: {
    readonly iam?: { readonly userArn?: string };
    readonly jwt?: { readonly claims?: Readonly<Record<string, unknown>> };
  };
}

/**
 * An HTTP API event, payload format 2.0, as the handler's request
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
 *
 * `rawPath` arrives percent-decoded and begins with the stage unless that is `$default`; the body is base64 unless its
 * media type is one of a few kinds of text, whatever the client sent.
 */
export function requestOf(event: APIGatewayProxyEventV2, signal?: AbortSignal): HttpRequest {
  const { http, domainName, stage } = event.requestContext;
  const prefix = stage === '$default' ? '' : `/${stage}`;
  const principal = principalOf(event);
  return {
    method: http.method.toUpperCase(),
    path: encodePath(withoutPrefix(event.rawPath, prefix)),
    query: event.rawQueryString,
    headers: headersOf(event),
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    baseUrl: `https://${domainName}${prefix}`,
    ...(signal === undefined ? {} : { signal }),
    ...(principal === undefined ? {} : { principal }),
  };
}

/** The gateway passes an encoded body on as it came. Throws `HttpError`: 415, 413 or 400. */
export function withPlainBody(request: HttpRequest): Promise<HttpRequest> {
  const encoding = request.headers['content-encoding'];
  return new Promise((resolve, reject) => {
    undoEncoding(encoding, request.body, LIMITS.requestBytesMax, (body) => {
      if (body instanceof HttpError) reject(body);
      else resolve({ ...request, body });
    });
  });
}

/** Bytes travel as base64; text stays text, which costs a third less of Lambda's 6 MB. */
export function resultOf(response: HttpResponse): APIGatewayProxyStructuredResultV2 {
  const { status, headers, body } = response;
  return typeof body === 'string'
    ? { statusCode: status, headers: { ...headers }, body }
    : {
        statusCode: status,
        headers: { ...headers },
        body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64'),
        isBase64Encoded: true,
      };
}

/** Repeated headers come joined with commas already; cookies come apart from the headers. */
function headersOf(event: APIGatewayProxyEventV2): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(event.headers)) headers[name.toLowerCase()] = value;
  if (event.cookies !== undefined && event.cookies.length > 0) headers.cookie = event.cookies.join('; ');
  return headers;
}

function withoutPrefix(path: string, prefix: string): string {
  if (prefix === '' || !(path === prefix || path.startsWith(`${prefix}/`))) return path;
  return path.slice(prefix.length) || '/';
}

/** The handler splits the path before it decodes the segments, so every segment is encoded again. */
function encodePath(path: string): string {
  return path
    .split('/')
    .map((segment) => encodeURIComponent(segment.toWellFormed()))
    .join('/');
}

function principalOf(event: APIGatewayProxyEventV2): string | undefined {
  const { authorizer } = event.requestContext as Authorized;
  const subject = authorizer?.jwt?.claims?.sub;
  return authorizer?.iam?.userArn ?? (typeof subject === 'string' ? subject : undefined);
}
