import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { Reply } from '../../../tools/scripted-server.ts';
import { signedMsOf } from '../signed-date.ts';
import { refusal, sceneOf } from './support.ts';

const BYTES = Buffer.from('0123456789');

async function faultOf(work: Promise<unknown>): Promise<StorageFault> {
  const outcome = await work.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StorageFault);
  return outcome as StorageFault;
}

function crcHeader(bytes: Uint8Array): string {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(crc32(bytes));
  return header.toString('base64');
}

describe('a put', () => {
  it('is one request that overwrites nothing and carries two checksums of the plain bytes', async () => {
    const { bucket, server, call } = await sceneOf([{}]);
    await bucket.put('spill/a', BYTES, call);
    expect(server.requests).toMatchObject([
      {
        method: 'PUT',
        path: '/objects/spill/a?x-id=PutObject',
        body: BYTES,
        headers: {
          'if-none-match': '*',
          'content-length': '10',
          'x-amz-checksum-crc32': crcHeader(BYTES),
          'x-amz-content-sha256': createHash('sha256').update(BYTES).digest('hex'),
        },
      },
    ]);
    for (const absent of ['x-amz-trailer', 'content-encoding', 'transfer-encoding', 'expect']) {
      expect(server.requests[0]?.headers).not.toHaveProperty(absent);
    }
    expect(call.meter.usage).toMatchObject({ objectPuts: 1, objectGets: 0, bytesWritten: 10 });
  });

  it('of several megabytes is sent at once, on the connection that is there', async () => {
    const { bucket, server, call } = await sceneOf([{}]);
    await bucket.put('spill/a', BYTES, call);
    await bucket.put('spill/b', Buffer.alloc(3_000_000, 7), call);
    expect(server.requests[1]?.headers).not.toHaveProperty('expect');
    expect(server.requests[1]?.body.byteLength).toBe(3_000_000);
    expect(server.connectionCount()).toBe(1);
  });

  it('is given more time the more it carries', async () => {
    const { bucket, server, clock, call } = await sceneOf(['hang']);
    const put = faultOf(bucket.put('spill/b', Buffer.alloc(4_096_000), call));
    await server.arrived(1);
    let ended = false;
    const fault = put.finally(() => {
      ended = true;
    });
    clock.advance(2_999);
    await new Promise(setImmediate);
    expect(ended).toBe(false);
    clock.advance(1);
    expect(await fault).toMatchObject({ kind: 'interrupted', mayHaveHappened: true });
  });

  it('that finds the object there says when that was stored, by the dates of S3', async () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    const storedMs = nowMs - 2 * 3_600_000;
    const date = new Date(nowMs).toUTCString();
    const { bucket, server, clock, call } = await sceneOf([
      { ...refusal(412, 'PreconditionFailed'), headers: { date } },
      { headers: { date, 'last-modified': new Date(storedMs).toUTCString(), 'content-length': '0' } },
    ]);
    const { observation } = await bucket.put('spill/a', BYTES, call);
    expect(server.requests.map(({ method }) => method)).toEqual(['PUT', 'HEAD']);
    expect(observation).toEqual({
      sentWallMs: clock.wallMs() - 7_200_000,
      sentMonotonicMs: clock.monotonicMs() - 7_200_000,
      serverMs: storedMs,
    });
    expect(call.meter.usage).toMatchObject({ objectPuts: 1, objectGets: 1 });
  });

  it('carries the Date of its answer', async () => {
    const { bucket, call } = await sceneOf([{ headers: { date: 'Sun, 22 Nov 2026 22:00:00 GMT' } }]);
    const { observation } = await bucket.put('spill/a', BYTES, call);
    expect(observation.serverMs).toBe(Date.UTC(2026, 10, 22, 22));
  });
});

describe('a get', () => {
  it('asks for a range by its first and last byte', async () => {
    const { bucket, server, call } = await sceneOf([{ status: 206, body: BYTES.subarray(2, 5) }]);
    expect(Buffer.from((await bucket.get('spill/a', { start: 2, length: 3 }, call)) ?? []).toString()).toBe(
      '234',
    );
    expect(server.requests[0]?.headers.range).toBe('bytes=2-4');
  });

  it('compares a whole object with its stored checksum', async () => {
    const stored = { 'x-amz-checksum-crc32': crcHeader(BYTES) };
    const { bucket, server, call } = await sceneOf([
      { headers: stored, body: BYTES },
      { headers: stored, body: Buffer.from('0123456780') },
    ]);
    expect(Buffer.from((await bucket.get('spill/a', undefined, call)) ?? [])).toEqual(BYTES);
    expect(server.requests[0]?.headers['x-amz-checksum-mode']).toBe('ENABLED');
    expect(await faultOf(bucket.get('spill/a', undefined, call))).toMatchObject({ kind: 'interrupted' });
  });

  it('of an object that is not there is undefined, of a bucket that is not there refused', async () => {
    const { bucket, call } = await sceneOf([refusal(404, 'NoSuchKey'), refusal(404, 'NoSuchBucket')]);
    expect(await bucket.get('spill/a', undefined, call)).toBeUndefined();
    expect(await faultOf(bucket.get('spill/a', undefined, call))).toMatchObject({ kind: 'refused' });
  });

  it('of a range whose whole object comes back is refused', async () => {
    const { bucket, call } = await sceneOf([{ body: BYTES }]);
    const fault = await faultOf(bucket.get('spill/a', { start: 0, length: 3 }, call));
    expect(fault.kind).toBe('refused');
  });

  it('that breaks off within the object is interrupted', async () => {
    const { bucket, call } = await sceneOf(['reset in the body']);
    expect(await faultOf(bucket.get('spill/a', undefined, call))).toMatchObject({
      kind: 'interrupted',
      mayHaveHappened: false,
    });
  });

  it('ends when its caller loses interest', async () => {
    const leaving = new AbortController();
    const { bucket, server, call } = await sceneOf(['hang in the body']);
    const get = faultOf(bucket.get('spill/a', undefined, { ...call, signal: leaving.signal }));
    await server.arrived(1);
    leaving.abort();
    expect((await get).kind).toBe('interrupted');
  });
});

describe('a delete', () => {
  const done = { headers: { 'content-type': 'application/xml' }, body: '<DeleteResult></DeleteResult>' };

  it('goes in lots of a thousand', async () => {
    const { bucket, server, call } = await sceneOf([done]);
    const keys = Array.from({ length: 2_001 }, (_, n) => `spill/${n}`);
    await bucket.delete(keys, call);
    const lots = server.requests.map(({ body }) => body.toString().match(/<Key>/g)?.length);
    expect(lots).toEqual([1_000, 1_000, 1]);
    expect(call.meter.usage.objectDeletes).toBe(2_001);
    expect(server.requests[0]?.headers).toHaveProperty('x-amz-checksum-crc32');
  });

  it('that fails for one of its keys is a fault that names it', async () => {
    for (const [code, kind] of [
      ['SlowDown', 'throttled'],
      ['InternalError', 'interrupted'],
      ['AccessDenied', 'refused'],
    ]) {
      const { bucket, call } = await sceneOf([
        {
          ...done,
          body: `<DeleteResult><Error><Key>spill/b</Key><Code>${code}</Code><Message>no</Message></Error></DeleteResult>`,
        },
      ]);
      const fault = await faultOf(bucket.delete(['spill/a', 'spill/b'], call));
      expect(fault.kind).toBe(kind);
      expect(fault.message).toContain('spill/b');
    }
  });
});

describe('what S3 answers', () => {
  const cases: Readonly<Record<string, [Reply, string, boolean]>> = {
    SlowDown: [refusal(503, 'SlowDown'), 'throttled', false],
    'status 503 without a body': [{ status: 503, body: '' }, 'throttled', false],
    ConditionalRequestConflict: [refusal(409, 'ConditionalRequestConflict'), 'throttled', false],
    InternalError: [refusal(500, 'InternalError'), 'interrupted', true],
    RequestTimeout: [refusal(400, 'RequestTimeout'), 'interrupted', false],
    BadDigest: [refusal(400, 'BadDigest'), 'interrupted', false],
    RequestTimeTooSkewed: [refusal(403, 'RequestTimeTooSkewed'), 'skewed', false],
    AccessDenied: [refusal(403, 'AccessDenied'), 'refused', false],
    EntityTooLarge: [refusal(400, 'EntityTooLarge'), 'full', false],
    'a connection that breaks': ['reset', 'interrupted', true],
  };
  for (const [what, [reply, kind, mayHaveHappened]] of Object.entries(cases)) {
    it(`${what} is ${kind}, and the request is sent once`, async () => {
      const { bucket, server, call } = await sceneOf([reply]);
      const fault = await faultOf(bucket.put('spill/a', BYTES, call));
      expect(fault).toMatchObject({ kind, mayHaveHappened });
      expect(server.requests).toHaveLength(1);
      expect(call.meter.usage.objectPuts).toBe(mayHaveHappened ? 1 : 0);
    });
  }

  it('a refused date corrects the clock that signs', async () => {
    const serverMs = Date.now() - 1_800_000;
    const headers = { date: new Date(serverMs).toUTCString(), 'content-type': 'application/xml' };
    const { bucket, server, call } = await sceneOf([
      { ...refusal(403, 'RequestTimeTooSkewed'), headers },
      { headers },
    ]);
    expect((await faultOf(bucket.put('spill/a', BYTES, call))).kind).toBe('skewed');
    await bucket.put('spill/a', BYTES, call);
    expect(Math.abs(signedMsOf(server.requests[1]?.headers ?? {}) - serverMs)).toBeLessThan(10_000);
  });
});
