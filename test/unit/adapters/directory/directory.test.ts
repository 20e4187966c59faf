import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDirectoryBucket } from '../../../../lib/adapters/directory/index.ts';
import { keysInOrder } from '../../../../lib/adapters/directory/key-order.ts';
import { systemClock, systemRandom } from '../../../../lib/adapters/system/index.ts';
import type { Bucket } from '../../../../lib/storage/bucket.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { Meter } from '../../../../lib/storage/meter.ts';

const call: Call = { meter: new Meter(), deadlineMs: Number.POSITIVE_INFINITY };
const BYTES = new Uint8Array([1, 2, 3]);

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bucket-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function bucketAt(path: string): Bucket {
  return openDirectoryBucket({ path, clock: systemClock(), random: systemRandom() });
}

describe('a directory as a bucket', () => {
  it('clears what an earlier process left half written, and keeps the objects', async () => {
    const path = join(freshFolder(), 'deep', 'objects');
    await bucketAt(path).put('a/b', BYTES, call);
    writeFileSync(join(path, '.incoming', 'half'), 'written');
    mkdirSync(join(path, '.incoming', 'folder'));
    const bucket = bucketAt(path);
    expect(readdirSync(join(path, '.incoming'))).toEqual([]);
    expect(await bucket.get('a/b', undefined, call)).toEqual(BYTES);
    expect((await bucket.list('', { limit: 10 }, call)).objects.map(({ key }) => key)).toEqual(['a/b']);
  });

  it('leaves no temporary file behind, whether a put succeeds, meets its object or fails', async () => {
    const path = freshFolder();
    const bucket = bucketAt(path);
    await bucket.put('a', BYTES, call);
    await bucket.put('a', BYTES, call);
    await expect(bucket.put('a/b', BYTES, call)).rejects.toMatchObject({ kind: 'refused' });
    expect(readdirSync(join(path, '.incoming'))).toEqual([]);
  });

  it('answers that a folder on the way to other keys is no object', async () => {
    const bucket = bucketAt(freshFolder());
    await bucket.put('a/b', BYTES, call);
    expect(await bucket.get('a', undefined, call)).toBeUndefined();
    expect(await bucket.get('a/b/c', undefined, call)).toBeUndefined();
    await bucket.delete(['a', 'a/b/c'], call);
    expect(await bucket.get('a/b', undefined, call)).toEqual(BYTES);
  });

  it('removes folders that deletes have emptied, and only those', async () => {
    const path = freshFolder();
    const bucket = bucketAt(path);
    for (const key of ['s/t/0/x/f.log', 's/t/1/y/f.log']) await bucket.put(key, BYTES, call);
    await bucket.delete(['s/t/0/x/f.log'], call);
    expect(existsSync(join(path, 's/t/0'))).toBe(false);
    expect(await bucket.get('s/t/1/y/f.log', undefined, call)).toEqual(BYTES);
    await bucket.delete(['s/t/1/y/f.log'], call);
    expect(readdirSync(path)).toEqual(['.incoming']);
  });

  it('puts and deletes in one folder at once do not disturb each other', async () => {
    const bucket = bucketAt(freshFolder());
    const churn = Array.from({ length: 60 }, async (_, n) => {
      await bucket.put(`f/g/${n}`, BYTES, call);
      await bucket.delete([`f/g/${n}`], call);
      await bucket.put(`f/g/kept-${n}`, BYTES, call);
      if (n % 2 === 0) await bucket.delete([`f/g/kept-${n}`], call);
    });
    await Promise.all(churn);
    expect((await bucket.list('f/g/kept-', { limit: 100 }, call)).objects).toHaveLength(30);
  });

  it('cannot be opened where a file is', () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(() => bucketAt(join(folder, 'file'))).toThrow(expect.objectContaining({ kind: 'refused' }));
  });
});

describe('keys in order', () => {
  it('are the sorted keys behind after that begin with the prefix, for any set of keys', async () => {
    const segment = fc.stringMatching(/^[-=0Ab][-.=0Ab]{0,2}$/);
    const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { minLength: 1, maxLength: 12 }),
        fc.nat(11),
        fc.nat(8),
        fc.option(key, { nil: undefined }),
        async (candidates, pick, prefixLength, after) => {
          const folder = mkdtempSync(join(tmpdir(), 'millrace-keys-'));
          const keys = candidates.filter((one) => !candidates.some((other) => other.startsWith(`${one}/`)));
          for (const one of keys) {
            mkdirSync(join(folder, one, '..'), { recursive: true });
            writeFileSync(join(folder, one), '');
          }
          const prefix = (keys[pick % keys.length] ?? '').slice(0, prefixLength);
          const found: string[] = [];
          for await (const one of keysInOrder(folder, { prefix, after })) found.push(one);
          rmSync(folder, { recursive: true });
          const expected = keys.filter(
            (one) => one.startsWith(prefix) && (after === undefined || one > after),
          );
          expect(found).toEqual(expected.sort((a, b) => (a < b ? -1 : 1)));
        },
      ),
      { numRuns: 200 },
    );
  });
});
