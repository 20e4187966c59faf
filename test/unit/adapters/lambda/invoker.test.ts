import type { InvokeCommand } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { type LambdaInvokerOptions, lambdaInvoker } from '../../../../lib/adapters/lambda/index.ts';
import type { InvokeAnswer } from '../../../../lib/push/push-parts.ts';

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:f';
type Sent = Awaited<ReturnType<LambdaInvokerOptions['client']['send']>>;

function invoking(send: (command: InvokeCommand) => Promise<unknown>): Promise<InvokeAnswer> {
  const client = { send: (command: InvokeCommand) => send(command) as Promise<Sent> };
  const { signal } = new AbortController();
  return lambdaInvoker({ client, functionArn: ARN, signal })({ hello: 'wörld' });
}

const payload = (value: unknown): { readonly Payload: Uint8Array } => ({
  Payload: Buffer.from(JSON.stringify(value)),
});
const named = (name: string): Error => Object.assign(new Error(`${name}!`), { name });

describe('calling a function', () => {
  it('sends the event to exactly that function, and answers what it answered', async () => {
    const commands: InvokeCommand[] = [];
    const answer = await invoking(async (command) => {
      commands.push(command);
      return payload({ batchItemFailures: [] });
    });
    expect(answer).toEqual({ kind: 'answered', answer: { batchItemFailures: [] } });
    expect(commands[0]?.input.FunctionName).toBe(ARN);
    expect(Buffer.from(commands[0]?.input.Payload as Uint8Array).toString()).toBe('{"hello":"wörld"}');
  });

  it.each([
    [{}, undefined],
    [payload(null), null],
    [{ Payload: Buffer.from('{broken') }, '{broken'],
  ])('takes %j as an answer', async (output, answer) => {
    expect(await invoking(async () => output)).toEqual({ kind: 'answered', answer });
  });

  it.each([
    [payload({ errorType: 'TypeError', errorMessage: 'no' }), { type: 'TypeError', message: 'no' }],
    [
      payload({ errorMessage: 'Task timed out after 3.00 seconds' }),
      { type: 'Unhandled', message: 'Task timed out after 3.00 seconds' },
    ],
    [{}, { type: 'Unhandled', message: 'no message' }],
  ])('tells what the function failed with', async (output, error) => {
    const answer = await invoking(async () => ({ FunctionError: 'Unhandled', ...output }));
    expect(answer).toEqual({ kind: 'failed', error });
  });

  it('takes a call that is too large for a failure, which halving may mend', async () => {
    const answer = await invoking(async () => Promise.reject(named('RequestTooLargeException')));
    expect(answer).toEqual({
      kind: 'failed',
      error: { type: 'RequestTooLargeException', message: 'RequestTooLargeException!' },
    });
  });

  it.each(['TooManyRequestsException', 'ResourceNotFoundException', 'AccessDeniedException', 'TimeoutError'])(
    'does not blame the records for %s',
    async (name) => {
      const answer = await invoking(async () => Promise.reject(named(name)));
      expect(answer).toMatchObject({ kind: 'unmade', cause: { name } });
    },
  );
});
