import { describe, expect, it } from 'vitest';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import { type Reply, startScriptedServer } from '../../../tools/scripted-server.ts';
import { CHUNK, IF_ABSENT, lostTo, refusal, sceneOf } from './support.ts';

async function faultOf(work: Promise<unknown>): Promise<StorageFault> {
  const outcome = await work.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StorageFault);
  return outcome as StorageFault;
}

function told(fault: StorageFault): object {
  return { kind: fault.kind, mayHaveHappened: fault.mayHaveHappened };
}

interface Case {
  readonly reply: Reply;
  readonly kind: string;
  readonly mayHaveHappened: boolean;
}

const NOTHING_HAPPENED = { mayHaveHappened: false };

describe('what DynamoDB answers', () => {
  const cases: Readonly<Record<string, Case>> = {
    ProvisionedThroughputExceededException: throttled(refusal('ProvisionedThroughputExceededException')),
    ThrottlingException: throttled(refusal('ThrottlingException')),
    RequestLimitExceeded: throttled(refusal('RequestLimitExceeded')),
    TransactionConflictException: throttled(refusal('TransactionConflictException')),
    'status 429': throttled({ status: 429, body: 'slow down' }),
    RequestTimeTooSkewed: { reply: refusal('RequestTimeTooSkewed'), kind: 'skewed', ...NOTHING_HAPPENED },
    InternalServerError: ambiguous({ ...refusal('InternalServerError'), status: 500 }),
    'status 503': ambiguous({ status: 503, body: '<html>' }),
    'an answer that is no JSON': ambiguous({ status: 200, body: '<html>' }),
    AccessDeniedException: refused(refusal('AccessDeniedException')),
    ResourceNotFoundException: refused(refusal('ResourceNotFoundException')),
    ValidationException: refused(refusal('ValidationException')),
    UnrecognizedClientException: refused(refusal('UnrecognizedClientException')),
    'an error nobody has heard of': refused(refusal('SomethingNewException')),
    'a redirect': refused({ status: 301, headers: { location: 'http://127.0.0.1:1/' } }),
  };

  for (const [what, { reply, ...expected }] of Object.entries(cases)) {
    it(`${what} is ${expected.kind}, and the request is sent once`, async () => {
      const { hot, server, call } = await sceneOf([reply]);
      const fault = await faultOf(hot.put(CHUNK, IF_ABSENT, call));
      expect(told(fault)).toEqual(expected);
      expect(fault.cause).toBeInstanceOf(Error);
      expect(server.requests).toHaveLength(1);
    });
  }

  it('a lost condition is an answer, with the item that stood in the way', async () => {
    const { hot, call } = await sceneOf([
      lostTo({ pk: { S: 't:0' }, sk: { N: '7' }, v: { S: 'v0' }, x: { N: '99' }, b: { B: 'AQI=' } }),
    ]);
    expect(await hot.put(CHUNK, IF_ABSENT, call)).toMatchObject({
      stored: false,
      standing: {
        pk: 't:0',
        sk: 7,
        version: 'v0',
        expiresAtSeconds: 99,
        attributes: { b: new Uint8Array([1, 2]) },
      },
    });
  });

  it('a loss to nobody is refused where only an item can stand in the way', async () => {
    const { hot, call } = await sceneOf([lostTo(undefined)]);
    expect(told(await faultOf(hot.put(CHUNK, IF_ABSENT, call)))).toMatchObject({ kind: 'refused' });
  });

  it('an item without a version is damaged', async () => {
    const { hot, call } = await sceneOf([{ body: { Item: { pk: { S: 't:0' }, sk: { N: '7' } } } }]);
    expect((await faultOf(hot.get(CHUNK, { consistent: true }, call))).kind).toBe('damaged');
  });
});

describe('a connection that fails', () => {
  it('is interrupted if it breaks before the answer: a write may have happened, a read did not', async () => {
    const { hot, call } = await sceneOf(['reset']);
    expect(told(await faultOf(hot.put(CHUNK, IF_ABSENT, call)))).toEqual({
      kind: 'interrupted',
      mayHaveHappened: true,
    });
    expect(told(await faultOf(hot.get(CHUNK, { consistent: true }, call)))).toEqual({
      kind: 'interrupted',
      mayHaveHappened: false,
    });
  });

  it('is interrupted if it breaks within the answer', async () => {
    const { hot, call } = await sceneOf(['reset in the body']);
    expect(told(await faultOf(hot.put(CHUNK, IF_ABSENT, call)))).toEqual({
      kind: 'interrupted',
      mayHaveHappened: true,
    });
  });

  it('has surely done nothing if it was never made', async () => {
    const gone = await startScriptedServer([{}]);
    await gone.stop();
    const { hot, call } = await sceneOf([{}], { client: { endpoint: gone.endpoint } });
    expect(told(await faultOf(hot.put(CHUNK, IF_ABSENT, call)))).toEqual({
      kind: 'interrupted',
      mayHaveHappened: false,
    });
  });

  it('was not even tried without credentials, and trying again will not help', async () => {
    const credentials = async (): Promise<never> => {
      throw new Error('no credentials here');
    };
    const { hot, server, call } = await sceneOf([{}], { client: { credentials } });
    const fault = await faultOf(hot.put(CHUNK, IF_ABSENT, call));
    expect(told(fault)).toEqual({ kind: 'refused', mayHaveHappened: false });
    expect(server.requests).toHaveLength(0);
  });
});

describe('an attempt that takes too long', () => {
  for (const silence of ['hang', 'hang in the body'] as const) {
    it(`is given up after 1 s for a write and 2 s for a read (${silence})`, async () => {
      const { hot, server, clock, call } = await sceneOf([silence]);
      const put = faultOf(hot.put(CHUNK, IF_ABSENT, call));
      await server.arrived(1);
      clock.advance(1_000);
      expect(told(await put)).toEqual({ kind: 'interrupted', mayHaveHappened: true });

      const query = hot.query('t:0', { limit: 1, consistent: false }, call);
      let ended = false;
      const fault = faultOf(query).finally(() => {
        ended = true;
      });
      await server.arrived(2);
      clock.advance(1_999);
      await new Promise(setImmediate);
      expect(ended).toBe(false);
      clock.advance(1);
      expect((await fault).kind).toBe('interrupted');
    });
  }

  it('is cut at the deadline of its call', async () => {
    const { hot, server, clock, call } = await sceneOf(['hang']);
    const deadlineMs = clock.monotonicMs() + 300;
    const put = faultOf(hot.put(CHUNK, IF_ABSENT, { ...call, deadlineMs }));
    await server.arrived(1);
    clock.advance(300);
    expect(told(await put)).toEqual({ kind: 'interrupted', mayHaveHappened: true });
  });

  it('is not begun behind the deadline', async () => {
    const { hot, server, clock, call } = await sceneOf([{}]);
    const put = hot.put(CHUNK, IF_ABSENT, { ...call, deadlineMs: clock.monotonicMs() });
    expect(told(await faultOf(put))).toEqual({ kind: 'interrupted', mayHaveHappened: false });
    expect(server.requests).toHaveLength(0);
  });

  it('is not sent any more once it was given up while it waited for credentials', async () => {
    const gate = Promise.withResolvers<{ accessKeyId: string; secretAccessKey: string }>();
    const { hot, server, clock, call } = await sceneOf([{}], { client: { credentials: () => gate.promise } });
    const put = faultOf(hot.put(CHUNK, IF_ABSENT, call));
    clock.advance(1_000);
    expect(told(await put)).toEqual({ kind: 'interrupted', mayHaveHappened: false });
    gate.resolve({ accessKeyId: 'test', secretAccessKey: 'test' });
    // The next request finds the credentials there and is the first to arrive.
    await hot.put({ ...CHUNK, sk: 8 }, IF_ABSENT, call);
    expect(server.requests.map(({ body }) => JSON.parse(body.toString()).Item.sk)).toEqual([{ N: '8' }]);
  });
});

describe('a caller that loses interest', () => {
  it('ends a read at once', async () => {
    const { hot, server, call } = await sceneOf(['hang']);
    const leaving = new AbortController();
    const get = faultOf(hot.get(CHUNK, { consistent: true }, { ...call, signal: leaving.signal }));
    await server.arrived(1);
    leaving.abort();
    expect(told(await get)).toEqual({ kind: 'interrupted', mayHaveHappened: false });
  });

  it('does not call a write back', async () => {
    const leaving = new AbortController();
    const { hot, call } = await sceneOf([
      () => {
        leaving.abort();
        return {};
      },
    ]);
    expect(await hot.put(CHUNK, IF_ABSENT, { ...call, signal: leaving.signal })).toMatchObject({
      stored: true,
    });
  });
});

function throttled(reply: Reply): Case {
  return { reply, kind: 'throttled', mayHaveHappened: false };
}

function ambiguous(reply: Reply): Case {
  return { reply, kind: 'interrupted', mayHaveHappened: true };
}

function refused(reply: Reply): Case {
  return { reply, kind: 'refused', mayHaveHappened: false };
}
