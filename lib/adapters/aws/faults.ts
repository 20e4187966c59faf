import { StorageFault, type StorageFaultKind } from '../../storage/fault.ts';

/** What one attempt has been seen to do, filled in next to the wire. */
export interface Exchange {
  readonly write: boolean;
  sent: boolean;
  fenced: boolean;
  givenUp: boolean;
  signedMs?: number;
  /** HTTP status and `Date` of the answer, if its headers arrived. */
  status?: number;
  serverMs?: number;
}

/** A service's own error names by what they mean; whatever is not listed goes by its HTTP status. */
export interface FaultRules {
  readonly names: Readonly<Record<string, StorageFaultKind>>;
  readonly throttledStatuses: readonly number[];
}

/** The connection was never made, so nothing was sent (https://nodejs.org/api/errors.html#common-system-errors). */
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** The other side is not who it should be: a configuration to mend, nothing to wait for. */
const UNTRUSTED = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** The names under which a signature is refused for its date alone. */
const DATED = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture']);
/** The names under which a signature is refused, its date being one reason of several. */
const SIGNED_WRONGLY = new Set(['InvalidSignatureException', 'SignatureDoesNotMatch', 'AuthFailure']);
/** AWS states that a request must arrive within five minutes of its date; a minute is left for the way. */
const SKEW_MS_MIN = 240_000;

/**
 * Classifies what an attempt threw. The rule behind all cases: a write may have happened unless it is certain that it
 * was not sent or that the service refused it.
 */
export function faultOf(
  error: unknown,
  exchange: Exchange,
  about: { readonly rules: FaultRules; readonly what: string },
): StorageFault {
  const kind = kindOf(error, exchange, about.rules);
  const named = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new StorageFault(kind, `${about.what}: ${named}`, {
    cause: error,
    mayHaveHappened: kind === 'interrupted' && exchange.write && mayHaveArrived(error, exchange),
  });
}

function kindOf(error: unknown, exchange: Exchange, rules: FaultRules): StorageFaultKind {
  if (exchange.fenced) return 'fenced';
  if (exchange.givenUp) return 'interrupted';
  const { status } = exchange;
  if (status === undefined) {
    return exchange.sent && !UNTRUSTED.has(codeOf(error)) ? 'interrupted' : 'refused';
  }
  const name = error instanceof Error ? error.name : '';
  if (wasSkewed(name, exchange)) return 'skewed';
  // A system error behind good headers: the body, which would have named the refusal, was cut off.
  return rules.names[name] ?? (codeOf(error) === '' ? kindOfStatus(status, rules) : 'interrupted');
}

/** What a service says about one of many things it was asked for in a single request. */
export function faultKindOfName(name: string, rules: FaultRules): StorageFaultKind {
  return rules.names[name] ?? (name === 'InternalError' ? 'interrupted' : 'refused');
}

function kindOfStatus(status: number, rules: FaultRules): StorageFaultKind {
  if (rules.throttledStatuses.includes(status)) return 'throttled';
  // A broken or senseless body under a good status is an answer that was lost on its way.
  return status >= 500 || status < 300 ? 'interrupted' : 'refused';
}

/** Whether the distance between the signed date and the answer's own explains the refusal. */
function wasSkewed(name: string, { signedMs, serverMs }: Exchange): boolean {
  if (DATED.has(name)) return true;
  if (!SIGNED_WRONGLY.has(name) || signedMs === undefined || serverMs === undefined) return false;
  return Math.abs(signedMs - serverMs) >= SKEW_MS_MIN;
}

/** Whether the request may have been carried out although its answer is not known. */
export function mayHaveArrived(error: unknown, { sent, status }: Exchange): boolean {
  if (!sent) return false;
  return status === undefined ? !UNREACHED.has(codeOf(error)) : status >= 500 || status < 300;
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
