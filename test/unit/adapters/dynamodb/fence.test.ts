import { describe, expect, it } from 'vitest';
import type { StorageFault } from '../../../../lib/storage/fault.ts';
import { type Fence, observeNow } from '../../../../lib/storage/observation.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { signedMsOf } from '../signed-date.ts';
import { CHUNK, httpDate, IF_ABSENT, lostTo, refusal, sceneOf } from './support.ts';

const MINUTE_MS = 60_000;
const KEYS = { accessKeyId: 'test', secretAccessKey: 'test' };

function fenceOn(observation: Fence['observation']): { readonly fences: readonly Fence[] } {
  return { fences: [{ observation, ageMsMax: MINUTE_MS }] };
}

async function kindOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => 'no fault',
    (fault: StorageFault) => ({ kind: fault.kind, mayHaveHappened: fault.mayHaveHappened }),
  );
}

const FENCED = { kind: 'fenced', mayHaveHappened: false };
const SKEWED = { kind: 'skewed', mayHaveHappened: false };

describe('the fence', () => {
  it('lets a put through whose observation is a minute old on every clock', async () => {
    const { hot, server, clock, call } = await sceneOf([{}]);
    const observation = { ...observeNow(clock), serverMs: Date.now() - MINUTE_MS / 2 };
    clock.advance(MINUTE_MS);
    const answer = await hot.put(
      CHUNK,
      { ...IF_ABSENT, ...fenceOn(observation) },
      {
        ...call,
        deadlineMs: clock.monotonicMs() + 1_000,
      },
    );
    expect(answer.stored).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it('holds back a put whose observation is too old on any one clock', async () => {
    const { hot, server, clock, call } = await sceneOf([{}]);
    const now = { ...observeNow(clock), serverMs: Date.now() };
    const old = MINUTE_MS + 5_000;
    for (const observation of [
      { ...now, sentWallMs: now.sentWallMs - old },
      { ...now, sentMonotonicMs: now.sentMonotonicMs - old },
      { ...now, serverMs: now.serverMs - old },
    ]) {
      const put = hot.put(CHUNK, { ...IF_ABSENT, ...fenceOn(observation) }, call);
      expect(await kindOf(put)).toEqual(FENCED);
    }
    expect(server.requests).toHaveLength(0);
    expect(call.meter.usage).toMatchObject({ tableWrites: 0, writeUnits: 0 });
  });

  it('holds back a put that was young when it was asked for and too old when it was signed', async () => {
    const clock = manualClock();
    // The process is suspended while the credentials are fetched, after the call and before the signature.
    const credentials = async (): Promise<typeof KEYS> => {
      clock.stepWall(2 * MINUTE_MS);
      return KEYS;
    };
    const { hot, server, call } = await sceneOf([{}], { clock, client: { credentials } });
    const put = hot.put(CHUNK, { ...IF_ABSENT, ...fenceOn(observeNow(clock)) }, call);
    expect(await kindOf(put)).toEqual(FENCED);
    expect(server.requests).toHaveLength(0);
  });

  it('checks every fence of a put, not only the first', async () => {
    const { hot, server, clock, call } = await sceneOf([{}]);
    const young = fenceOn(observeNow(clock)).fences;
    const old = fenceOn({ ...observeNow(clock), sentWallMs: clock.wallMs() - 2 * MINUTE_MS }).fences;
    const put = hot.put(CHUNK, { ...IF_ABSENT, fences: [...young, ...old] }, call);
    expect(await kindOf(put)).toEqual(FENCED);
    expect(server.requests).toHaveLength(0);
  });

  it('does not hold without a signed date', async () => {
    const client = { signer: { sign: async (request: never) => request } };
    const { hot, server, clock, call } = await sceneOf([{}], { client: client as object });
    const put = hot.put(CHUNK, { ...IF_ABSENT, ...fenceOn(observeNow(clock)) }, call);
    expect(await kindOf(put)).toEqual(FENCED);
    expect(server.requests).toHaveLength(0);
    await hot.put(CHUNK, IF_ABSENT, call);
    expect(server.requests[0]?.headers).not.toHaveProperty('x-amz-date');
  });

  it('signs again with the corrected date after a refusal for its date', async () => {
    const serverMs = Date.now() + 20 * MINUTE_MS;
    const headers = { date: httpDate(serverMs) };
    const { hot, server, call } = await sceneOf([
      { ...refusal('InvalidSignatureException', 'Signature expired'), headers },
      { headers },
    ]);
    expect(await kindOf(hot.put(CHUNK, IF_ABSENT, call))).toEqual(SKEWED);
    expect(await hot.put(CHUNK, IF_ABSENT, call)).toMatchObject({ stored: true });
    const [first, second] = server.requests.map((request) => signedMsOf(request.headers));
    expect(Math.abs((first ?? 0) - Date.now())).toBeLessThan(10_000);
    expect(Math.abs((second ?? 0) - serverMs)).toBeLessThan(10_000);
  });

  it('takes a wrong signature with the right date for what it is', async () => {
    const { hot, call } = await sceneOf([refusal('InvalidSignatureException')]);
    expect(await kindOf(hot.put(CHUNK, IF_ABSENT, call))).toEqual({
      kind: 'refused',
      mayHaveHappened: false,
    });
  });

  it('sees the true age of an observation once the signing clock is corrected', async () => {
    // This machine believes it is 20 minutes earlier than it is, and both of its clocks stood still for 90 seconds.
    const serverMs = Date.now() + 20 * MINUTE_MS;
    const headers = { date: httpDate(serverMs) };
    const { hot, server, clock, call } = await sceneOf([
      { ...refusal('InvalidSignatureException', 'Signature expired'), headers },
      { headers },
    ]);
    const fenced = { ...IF_ABSENT, ...fenceOn({ ...observeNow(clock), serverMs: serverMs - 90_000 }) };
    expect(await kindOf(hot.put(CHUNK, fenced, call))).toEqual(SKEWED);
    expect(await kindOf(hot.put(CHUNK, fenced, call))).toEqual(FENCED);
    expect(server.requests).toHaveLength(1);
  });
});

describe('an observation', () => {
  it('counts from before its request was signed, and carries the Date of the answer', async () => {
    const clock = manualClock();
    const credentials = async (): Promise<typeof KEYS> => {
      clock.advance(700);
      return KEYS;
    };
    const serverMs = Math.floor(Date.now() / 1_000) * 1_000 - 3_000;
    const headers = { date: httpDate(serverMs) };
    const { hot, call } = await sceneOf([{ headers, body: { Count: 0, Items: [] } }], {
      clock,
      client: { credentials },
    });
    const asked = observeNow(clock);
    const { observation } = await hot.query('t:0', { limit: 1, consistent: true }, call);
    expect(observation).toEqual({ ...asked, serverMs });
  });

  it('comes with a lost put too, from the Date of the refusal', async () => {
    const serverMs = Math.floor(Date.now() / 1_000) * 1_000 - 7_000;
    const standing = { pk: { S: 't:0' }, sk: { N: '7' }, v: { S: 'other' } };
    const { hot, call } = await sceneOf([{ ...lostTo(standing), headers: { date: httpDate(serverMs) } }]);
    const answer = await hot.put(CHUNK, IF_ABSENT, call);
    expect(answer.stored).toBe(false);
    expect(answer.observation.serverMs).toBe(serverMs);
  });

  it('has no server date if the answer has none that can be read', async () => {
    const { hot, call } = await sceneOf([{ headers: { date: 'yesterday' } }]);
    const { observation } = await hot.get(CHUNK, { consistent: true }, call);
    expect(observation).not.toHaveProperty('serverMs');
  });
});
