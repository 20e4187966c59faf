import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Bucket } from '../../lib/storage/bucket.ts';
import { type Claim, caller, claimsBut, expectFault, freshName, type Gaps, noise } from './support.ts';

export interface OpenBucket {
  readonly bucket: Bucket;
  close(): Promise<void> | void;
}

export interface BucketContractOptions {
  /** Claims this adapter is known not to keep, by their names, each with the reason. */
  readonly gaps?: Gaps;
}

/** Every sentence of the Bucket port, on one adapter. `open` is called once; every claim works under a prefix of its own. */
export function describeBucketContract(
  name: string,
  open: () => Promise<OpenBucket> | OpenBucket,
  options: BucketContractOptions = {},
): void {
  describe(`the bucket contract on ${name}`, () => {
    let opened: OpenBucket | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.close();
    });
    const bucket = (): Bucket => {
      if (opened === undefined) throw new Error('the bucket did not open');
      return opened.bucket;
    };
    const claim = claimsBut(options.gaps ?? {});
    objectClaims(claim, bucket);
    listClaims(claim, bucket);
    keyClaims(claim, bucket);
  });
}

function objectClaims(claim: Claim, bucket: () => Bucket): void {
  claim('an object is read back as it was put, empty ones too', async () => {
    for (const size of [0, 1, 1_000, 300_000]) {
      const key = `spill/${freshName()}`;
      await bucket().put(key, noise(size), caller());
      expect(await bucket().get(key, undefined, caller())).toEqual(noise(size));
    }
  });

  claim('a view into a larger buffer is stored alone, and may be changed afterwards', async () => {
    const key = `spill/${freshName()}`;
    const buffer = noise(10_000);
    const expected = buffer.slice(100, 700);
    await bucket().put(key, buffer.subarray(100, 700), caller());
    buffer.fill(0);
    expect(await bucket().get(key, undefined, caller())).toEqual(expected);
  });

  claim('an object that is there already is left alone, and the put succeeds', async () => {
    const key = `spill/${freshName()}`;
    await bucket().put(key, noise(100), caller());
    await bucket().put(key, noise(50), caller());
    expect(await bucket().get(key, undefined, caller())).toEqual(noise(100));
  });

  claim('of twenty puts under one key at once all succeed and one object stands, whole', async () => {
    const key = `spill/${freshName()}`;
    const bodies = Array.from({ length: 20 }, (_, n) => new Uint8Array(5_000).fill(n));
    await Promise.all(bodies.map((body) => bucket().put(key, body, caller())));
    const standing = await bucket().get(key, undefined, caller());
    expect(bodies).toContainEqual(new Uint8Array(standing ?? []));
  });

  claim('a put says when it was sent', async () => {
    const from = { wallMs: Date.now(), monotonicMs: performance.now() };
    const { observation } = await bucket().put(`spill/${freshName()}`, noise(1), caller());
    expect(observation.sentWallMs).toBeGreaterThanOrEqual(from.wallMs);
    expect(observation.sentWallMs).toBeLessThanOrEqual(Date.now());
    expect(observation.sentMonotonicMs).toBeGreaterThanOrEqual(from.monotonicMs);
    expect(observation.sentMonotonicMs).toBeLessThanOrEqual(performance.now());
  });

  claim('an object that is not there is undefined, whole or in part', async () => {
    const key = `spill/${freshName()}`;
    expect(await bucket().get(key, undefined, caller())).toBeUndefined();
    expect(await bucket().get(key, { start: 0, length: 5 }, caller())).toBeUndefined();
  });

  claim('a range is those bytes, cut at the end of the object', async () => {
    const key = `spill/${freshName()}`;
    const body = noise(1_000);
    await bucket().put(key, body, caller());
    const range = (start: number, length: number) => bucket().get(key, { start, length }, caller());
    expect(await range(0, 1)).toEqual(body.slice(0, 1));
    expect(await range(300, 200)).toEqual(body.slice(300, 500));
    expect(await range(999, 1)).toEqual(body.slice(999));
    expect(await range(900, 5_000)).toEqual(body.slice(900));
    expect(await range(0, 1_000)).toEqual(body);
  });

  claim('a range that begins at or behind the end is damaged', async () => {
    const key = `spill/${freshName()}`;
    await bucket().put(key, noise(10), caller());
    expect(await damage(bucket().get(key, { start: 10, length: 1 }, caller()))).toBe('damaged');
    expect(await damage(bucket().get(key, { start: 500, length: 1 }, caller()))).toBe('damaged');
  });

  claim('a deleted object is gone, and deleting what is not there succeeds', async () => {
    const keys = [`spill/${freshName()}`, `segments/${freshName()}/0/x/${'0'.repeat(20)}.log`];
    for (const key of keys) await bucket().put(key, noise(10), caller());
    const kept = `spill/${freshName()}`;
    await bucket().put(kept, noise(10), caller());
    await bucket().delete([...keys, `spill/${freshName()}`, `none/${freshName()}/x`], caller());
    for (const key of keys) expect(await bucket().get(key, undefined, caller())).toBeUndefined();
    expect(await bucket().get(kept, undefined, caller())).toEqual(noise(10));
    await bucket().delete(keys, caller());
    await bucket().delete([], caller());
  });

  claim('puts, gets, lists and deletes are counted with their bytes', async () => {
    const call = caller();
    const key = `spill/${freshName()}`;
    await bucket().put(key, noise(700), call);
    await bucket().get(key, undefined, call);
    await bucket().get(key, { start: 100, length: 50 }, call);
    await bucket().get(`spill/${freshName()}`, undefined, call);
    await bucket().list(key, { limit: 1 }, call);
    await bucket().delete([key], call);
    expect(call.meter.usage).toMatchObject({
      objectPuts: 1,
      objectGets: 3,
      objectLists: 1,
      objectDeletes: 1,
      bytesWritten: 700,
      bytesRead: 750,
    });
    expect(call.meter.usage).toMatchObject({ tableWrites: 0, tableReads: 0, writeUnits: 0, readUnits: 0 });
  });
}

function listClaims(claim: Claim, bucket: () => Bucket): void {
  claim('a list is in the byte order of the keys, whatever folders they form', async () => {
    const prefix = `order-${freshName()}/`;
    const names = ['-', 'A', 'a-b', 'a.b', 'a/b', 'a/c/d', 'a0', 'aa', 'b/1', 'b=/1', 'b_', 'c'];
    for (const name of names.toReversed()) await bucket().put(prefix + name, noise(3), caller());
    const { objects, more } = await bucket().list(prefix, { limit: 100 }, caller());
    expect(objects.map(({ key }) => key)).toEqual(names.map((name) => prefix + name));
    expect(more).toBe(false);
  });

  claim('a list holds what begins with the prefix, which need not end at a folder', async () => {
    const prefix = `some-${freshName()}`;
    for (const name of ['/a/1', '/a/2', '/ab/1', '/b/1', 'x'])
      await bucket().put(prefix + name, noise(1), caller());
    const keysUnder = async (under: string): Promise<string[]> =>
      (await bucket().list(under, { limit: 100 }, caller())).objects.map(({ key }) =>
        key.slice(prefix.length),
      );
    expect(await keysUnder(prefix)).toEqual(['/a/1', '/a/2', '/ab/1', '/b/1', 'x']);
    expect(await keysUnder(`${prefix}/a`)).toEqual(['/a/1', '/a/2', '/ab/1']);
    expect(await keysUnder(`${prefix}/a/`)).toEqual(['/a/1', '/a/2']);
    expect(await keysUnder(`${prefix}/a/2`)).toEqual(['/a/2']);
    expect(await keysUnder(`${prefix}/none/`)).toEqual([]);
  });

  claim('pages joined by after are everything, once', async () => {
    const prefix = `pages-${freshName()}/`;
    const names = Array.from(
      { length: 11 },
      (_, n) => `${prefix}${n % 3}/${String(n).padStart(3, '0')}`,
    ).sort();
    for (const name of names) await bucket().put(name, noise(1), caller());
    const found: string[] = [];
    for (let more = true; more; ) {
      const after = found.at(-1);
      const page = await bucket().list(
        prefix,
        { limit: 4, ...(after === undefined ? {} : { after }) },
        caller(),
      );
      expect(page.objects.length).toBeLessThanOrEqual(4);
      found.push(...page.objects.map(({ key }) => key));
      more = page.more;
    }
    expect(found).toEqual(names);
    const behind = await bucket().list(prefix, { after: `${prefix}1/zzz`, limit: 100 }, caller());
    expect(behind.objects.map(({ key }) => key)).toEqual(names.filter((name) => name > `${prefix}1/zzz`));
  });

  claim('a listed object says its size and when storage received it', async () => {
    const key = `info-${freshName()}/x`;
    const beforeMs = Date.now();
    await bucket().put(key, noise(321), caller());
    const [info] = (await bucket().list(key, { limit: 1 }, caller())).objects;
    expect(info).toMatchObject({ key, bytes: 321 });
    // S3 tells whole seconds.
    expect(info?.modifiedMs).toBeGreaterThanOrEqual(beforeMs - 1_000);
    expect(info?.modifiedMs).toBeLessThanOrEqual(Date.now() + 1_000);
  });
}

function keyClaims(claim: Claim, bucket: () => Bucket): void {
  const bad = [
    '',
    '/a',
    'a/',
    'a//b',
    '../a',
    'a/../b',
    './a',
    '.hidden',
    'a/.b',
    'a b',
    'a\\b',
    'a\u0000',
    'ä',
    'a'.repeat(1_025),
  ];
  for (const key of bad) {
    claim(`the key ${JSON.stringify(key.slice(0, 20))} is refused`, async () => {
      await expectFault(bucket().put(key, noise(1), caller()), 'refused');
      await expectFault(bucket().get(key, undefined, caller()), 'refused');
      await expectFault(bucket().delete([key], caller()), 'refused');
    });
  }
}

async function damage(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => 'no fault',
    (error: { kind?: unknown }) => error.kind,
  );
}
