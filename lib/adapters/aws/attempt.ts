import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';
import type { Usage } from '../../storage/meter.ts';
import { type Fence, fencesHold, type Observation, observeNow } from '../../storage/observation.ts';
import { type Exchange, type FaultRules, faultOf, mayHaveArrived } from './faults.ts';
import { type Patience, startPatience } from './patience.ts';
import { dateHeaderMs, signedDateMs } from './wire.ts';

/** An SDK command as far as it matters here: a stack of steps that its request passes on the way to the wire. */
interface Command {
  readonly middlewareStack: {
    add(
      step: (next: Send) => Send,
      options: { readonly step: 'deserialize'; readonly priority: 'low'; readonly name: string },
    ): void;
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the SDK's own types for a step differ from service to service
type Send = (args: any) => Promise<any>;

export interface AttemptOptions {
  readonly clock: Clock;
  readonly call: Call;
  /** How long this one attempt may take, the making of its connection included; the call's deadline may cut it. */
  readonly attemptMsMax: number;
  /** A write is not called back when its caller loses interest, only when its time is up. */
  readonly write: boolean;
  /** ⚑ Checked between signing and sending. */
  readonly fences?: readonly Fence[];
  /** What is charged if the request was sent and its answer was lost. */
  readonly usageIfLost: Partial<Usage>;
  readonly rules: FaultRules;
  /** For messages: `PutItem orders:3/42`. */
  readonly what: string;
}

/**
 * Sends one signed request and answers what came back, and when it was asked. Throws `StorageFault`.
 *
 * The observation is counted from before the request was signed. ⚑ The fence is checked in the innermost step, behind
 * every step of the SDK and right before the socket, against the date that stands under the signature: what does not
 * pass is not sent, and neither is a request whose time was up while it waited for credentials. The SDK corrects the
 * clock it signs with by the `Date` of every answer, refusals included, so a request that was refused for its date
 * passes when it is signed again.
 */
export async function attempt<Output>(
  command: Command,
  send: (options: { readonly abortSignal: AbortSignal }) => Promise<Output>,
  options: AttemptOptions & {
    /** Errors that are answers, such as a condition that did not hold; undefined for all others. */
    readonly answerOf?: (error: unknown) => Output | undefined;
  },
): Promise<{ readonly output: Output; readonly observation: Observation }> {
  const { answerOf, rules, what } = options;
  const exchange: Exchange = { write: options.write, sent: false, fenced: false, givenUp: false };
  const asked = observeNow(options.clock);
  const patience = startPatience(options);
  command.middlewareStack.add((next) => watched(next, exchange, { ...options, patience }), {
    step: 'deserialize',
    priority: 'low',
    name: 'millraceWatch',
  });
  try {
    const output = await Promise.race([patience.over, send({ abortSignal: patience.signal })]);
    return { output, observation: observed(asked, exchange) };
  } catch (error) {
    const output = answerOf?.(error);
    if (output !== undefined) return { output, observation: observed(asked, exchange) };
    exchange.givenUp = patience.signal.aborted;
    const fault = faultOf(error, exchange, { rules, what });
    if (fault.kind === 'interrupted' && mayHaveArrived(error, exchange)) {
      options.call.meter.add(options.usageIfLost);
    }
    throw fault;
  } finally {
    patience.stop();
  }
}

function watched(
  next: Send,
  exchange: Exchange,
  options: { readonly clock: Clock; readonly fences?: readonly Fence[]; readonly patience: Patience },
): Send {
  const { clock, fences = [], patience } = options;
  return async (args) => {
    const signedMs = signedDateMs(args.request);
    if (signedMs !== undefined) exchange.signedMs = signedMs;
    patience.signal.throwIfAborted();
    // Without a signed date a fence cannot be checked, so it does not hold.
    exchange.fenced = fences.length > 0 && !(signedMs !== undefined && fencesHold(fences, clock, signedMs));
    if (exchange.fenced) throw new Error('the observation was too old when the request was signed');
    exchange.sent = true;
    const received = await next(args);
    exchange.status = received.response?.statusCode;
    const serverMs = dateHeaderMs(received.response);
    if (serverMs !== undefined) exchange.serverMs = serverMs;
    return received;
  };
}

function observed(asked: Observation, { serverMs }: Exchange): Observation {
  return serverMs === undefined ? asked : { ...asked, serverMs };
}
