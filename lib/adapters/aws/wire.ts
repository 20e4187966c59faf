/**
 * The two dates of a signed exchange. Headers are looked up in lower case: the signer writes `x-amz-date`
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), Node's HTTP client
 * answers lower-case names.
 */
const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** The date under the signature, in milliseconds since 1970; it has whole seconds. */
export function signedDateMs(request: unknown): number | undefined {
  const match = AMZ_DATE.exec(headerOf(request, 'x-amz-date') ?? '');
  if (match === null) return undefined;
  const [year = 0, month = 1, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The `Date` of an answer, in milliseconds since 1970; it has whole seconds. */
export function dateHeaderMs(response: unknown): number | undefined {
  const ms = Date.parse(headerOf(response, 'date') ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function headerOf(message: unknown, name: string): string | undefined {
  const headers = (message as { readonly headers?: Readonly<Record<string, unknown>> } | undefined)?.headers;
  const value = headers?.[name];
  return typeof value === 'string' ? value : undefined;
}
