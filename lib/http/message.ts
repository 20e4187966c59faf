/** What a transport hands to the handler. Node's server and the Lambda functions make the same of what they receive. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** Percent-encoded path without query string, beginning with `/`. */
  readonly path: string;
  /** Raw query string without `?`; empty if there is none. */
  readonly query: string;
  /** Names in lower case; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Content-Encoding is already undone. */
  readonly body: Uint8Array;
  /** `https://host/stage` without a trailing slash, as the client sees it: for links in answers. Default: relative. */
  readonly baseUrl?: string;
  /** Aborted when the client stops listening. Transports may make it on first use. */
  readonly signal?: AbortSignal;
  /** Who asks, as the transport's authorization found out. */
  readonly principal?: string;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in the case they are sent in. Content-Length is left to the transport. */
  readonly headers: Readonly<Record<string, string>>;
  /** A string is sent as UTF-8. */
  readonly body: string | Uint8Array;
}

export const MEDIA = {
  v2: 'application/vnd.kafka.v2+json',
  json: 'application/json',
  /** Record batches v2 as they are stored, one behind the other. */
  batches: 'application/vnd.millrace.batches',
} as const;

export function jsonResponse(
  status: number,
  media: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return { status, headers: { 'Content-Type': media, ...headers }, body: JSON.stringify(body) };
}

export function emptyResponse(status: number, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers, body: '' };
}
