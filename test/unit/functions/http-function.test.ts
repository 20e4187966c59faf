import { describe, expect, it, vi } from 'vitest';
import { type HttpFunctionParts, httpFunction } from '../../../functions/http-function.ts';
import { observer } from '../../../functions/observer.ts';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import { MillraceError } from '../../../lib/errors.ts';
import type { HttpHandler } from '../../../lib/http/handler.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { consoleLines } from './console-lines.ts';
import { httpEvent, lambdaContext } from './http-event-fixture.ts';

const clock = systemClock();
const ok: HttpHandler = async () => ({ status: 200, headers: {}, body: 'ok' });

const written = consoleLines();

function functionOf(
  parts: Partial<HttpFunctionParts> & { readonly logSampleRate?: number },
): ReturnType<typeof httpFunction> {
  const watching = observer({ service: 'test', logSampleRate: parts.logSampleRate ?? 0, random: () => 0.5 });
  return httpFunction({ open: async () => ok, clock, observer: watching, ...parts });
}

const bodyOf = (result: { body?: string | undefined }): unknown => JSON.parse(result.body ?? '');

describe('an HTTP function', () => {
  it('opens the log once for many requests', async () => {
    const open = vi.fn(async () => ok);
    const handler = functionOf({ open });
    await Promise.all([1, 2, 3].map(() => handler(httpEvent({}), lambdaContext(29_000))));
    expect(open).toHaveBeenCalledTimes(1);
  });

  it('answers before Lambda ends it, with an error that says: try again', async () => {
    const hangs: HttpHandler = () => new Promise(() => undefined);
    const result = await functionOf({ open: async () => hangs })(httpEvent({}), lambdaContext(450));
    expect(result).toMatchObject({ statusCode: 503, headers: { 'Retry-After': '1' } });
    expect(bodyOf(result)).toMatchObject({ error_code: 50003, kafka_error: 'REQUEST_TIMED_OUT' });
  });

  it('gives the engine less time than it has itself, and never more than an answer is worth', async () => {
    const leftMs: number[] = [];
    const open =
      async (): Promise<HttpHandler> =>
      async (_request, { call }) => {
        leftMs.push(call.deadlineMs - clock.monotonicMs());
        return { status: 200, headers: {}, body: '' };
      };
    const handler = functionOf({ open });
    for (const remainingMs of [6_000, 29_000, 900_000, 500]) {
      await handler(httpEvent({}), lambdaContext(remainingMs));
    }
    expect(leftMs.map((ms) => Math.round(ms / 100) * 100)).toEqual([
      5_000,
      25_000,
      25_000,
      expect.closeTo(0),
    ]);
  });

  it('tells the engine when its time is over', async () => {
    let signal: AbortSignal | undefined;
    const waits: HttpHandler = (_request, { call }) => {
      signal = call.signal;
      return new Promise(() => undefined);
    };
    await functionOf({ open: async () => waits })(httpEvent({}), lambdaContext(420));
    expect(signal?.aborted).toBe(true);
  });

  it('answers 500 when it cannot open the log, tells nothing of the inside, and tries again next time', async () => {
    const open = vi.fn<(call: Call) => Promise<HttpHandler>>();
    open.mockRejectedValueOnce(new Error('secret detail')).mockResolvedValueOnce(ok);
    const handler = functionOf({ open });
    const first = await handler(httpEvent({}), lambdaContext(29_000));
    expect(first.statusCode).toBe(500);
    expect(first.body).not.toContain('secret');
    expect(JSON.stringify(written.lines)).toContain('secret detail');
    expect((await handler(httpEvent({}), lambdaContext(29_000))).statusCode).toBe(200);
  });

  it('answers an expected error while it opens the log as what it is, and calls it no fault', async () => {
    const open = async (): Promise<HttpHandler> => {
      throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', 'There is no topic');
    };
    const result = await functionOf({ open })(httpEvent({}), lambdaContext(29_000));
    expect(result.statusCode).toBe(404);
    expect(bodyOf(result)).toMatchObject({ error_code: 40403, kafka_error: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(written.lines).toEqual([]);
  });

  it.each([
    ['text', 'ä'.repeat(3_200_000)],
    ['bytes', new Uint8Array(4_800_000)],
  ])('answers 413 instead of more %s than Lambda can send', async (_, body) => {
    const open = async (): Promise<HttpHandler> => async () => ({ status: 200, headers: {}, body });
    const result = await functionOf({ open })(httpEvent({}), lambdaContext(29_000));
    expect(result.statusCode).toBe(413);
    expect(bodyOf(result)).toMatchObject({ error_code: 413 });
  });

  it('sends as much as Lambda can', async () => {
    const body = new Uint8Array(4_500_000);
    const open = async (): Promise<HttpHandler> => async () => ({ status: 200, headers: {}, body });
    const result = await functionOf({ open })(httpEvent({}), lambdaContext(29_000));
    expect(result).toMatchObject({ statusCode: 200, isBase64Encoded: true });
    expect(result.body).toHaveLength(6_000_000);
  });
});

describe('what a function says about itself', () => {
  const answering = (status: number): Partial<HttpFunctionParts> => ({
    open: async () => async () => ({ status, headers: { 'X-Millrace-Cost': 'c' }, body: '{}' }),
  });
  const run = (parts: Parameters<typeof functionOf>[0]): Promise<unknown> =>
    functionOf(parts)(httpEvent({ path: '/topics' }), lambdaContext(29_000));

  it('is nothing for an ordinary request', async () => {
    await run({ ...answering(200), logSampleRate: 0.4 });
    expect(written.lines).toEqual([]);
  });

  it('is one line for a request in the sample', async () => {
    await run({ ...answering(200), logSampleRate: 0.6 });
    expect(written.lines).toHaveLength(1);
    expect(written.lines[0]).toMatchObject({ level: 'INFO', path: '/topics', status: 200, cost: 'c' });
  });

  it.each([
    [429, 'Throttled'],
    [503, 'TimedOut'],
  ])('is a metric for a %i', async (status, name) => {
    await run(answering(status));
    const metric = written.lines.find((line) => '_aws' in line);
    expect(metric).toMatchObject({ service: 'test', [name]: 1 });
  });

  it('is a warning with the answer for every 5xx', async () => {
    await run(answering(500));
    expect(written.lines).toEqual([expect.objectContaining({ level: 'WARN', status: 500, answer: '{}' })]);
  });
});
