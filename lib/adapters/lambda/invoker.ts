import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from '@aws-sdk/client-lambda';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { InvokeAnswer } from '../../push/push-parts.ts';

export interface LambdaInvokerOptions {
  /** From `lambdaClient`, or anything that sends like it. */
  readonly client: {
    readonly send: (
      command: InvokeCommand,
      options: { readonly abortSignal: AbortSignal },
    ) => Promise<Pick<InvokeCommandOutput, 'FunctionError' | 'Payload'>>;
  };
  readonly functionArn: string;
  /** Aborted: nobody waits for answers any more. */
  readonly signal: AbortSignal;
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: a body beyond 6 MB. */
const TOO_LARGE = 'RequestTooLargeException';
const CONNECT_MS_MAX = 2_000;

/**
 * One attempt each: a retry below us would not be counted, and would not be waited before. No time-out of its own either,
 * because a function may take 15 minutes to answer.
 */
export function lambdaClient({ region }: { readonly region: string }): LambdaClient {
  return new LambdaClient({
    region,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ connectionTimeout: CONNECT_MS_MAX, requestTimeout: 0 }),
  });
}

/** Calls a function with an event, waits for its answer, and never throws. */
export function lambdaInvoker({
  client,
  functionArn,
  signal,
}: LambdaInvokerOptions): (event: unknown) => Promise<InvokeAnswer> {
  return async (event) => {
    const Payload = Buffer.from(JSON.stringify(event));
    const command = new InvokeCommand({ FunctionName: functionArn, Payload });
    try {
      const { FunctionError, Payload: answer } = await client.send(command, { abortSignal: signal });
      const text = answer === undefined ? '' : Buffer.from(answer).toString('utf8');
      const parsed = parse(text);
      return FunctionError === undefined
        ? { kind: 'answered', answer: parsed }
        : { kind: 'failed', error: errorOf(parsed, FunctionError) };
    } catch (error) {
      if (!(error instanceof Error) || error.name !== TOO_LARGE) return { kind: 'unmade', cause: error };
      return { kind: 'failed', error: { type: error.name, message: error.message } };
    }
  };
}

/** A function may answer with nothing at all, or with text. */
function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `{"errorType": …, "errorMessage": …}`, as runtimes report it; a time-out has a message alone. */
function errorOf(
  answer: unknown,
  functionError: string,
): { readonly type: string; readonly message: string } {
  const fields = typeof answer === 'object' && answer !== null ? answer : { errorMessage: answer };
  const { errorType, errorMessage } = fields as {
    readonly errorType?: unknown;
    readonly errorMessage?: unknown;
  };
  return { type: String(errorType ?? functionError), message: String(errorMessage ?? 'no message') };
}
