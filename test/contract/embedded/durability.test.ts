import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryBucket } from '../../../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import { caller, noise } from '../support.ts';
import { freshFolder, startChild } from './child.ts';

const clock = systemClock();
const random = systemRandom();
const ROWS = 120;
const OBJECTS = 10;

interface Acknowledged {
  readonly row?: readonly [number, number];
  readonly object?: readonly [number, number];
}

function isEnough(acknowledged: readonly Acknowledged[]): boolean {
  const rowCount = acknowledged.filter(({ row }) => row !== undefined).length;
  return rowCount >= ROWS && acknowledged.length - rowCount >= OBJECTS;
}

describe('a process that is killed with kill -9 in the middle of its writes', () => {
  it('leaves every row and every object that it acknowledged, whole, and nothing half written', async () => {
    const folder = freshFolder();
    const acknowledged: Acknowledged[] = [];
    const child = startChild('write', folder);
    for await (const line of child.lines) {
      acknowledged.push(line as Acknowledged);
      // What is still in the pipe was acknowledged too, so reading goes on until it is empty.
      if (isEnough(acknowledged)) child.process.kill('SIGKILL');
    }
    await child.kill();

    const tables = openSqliteTables({ path: join(folder, 'millrace.db'), clock });
    const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
    for (const { row, object } of acknowledged) {
      if (row !== undefined) {
        const [writer, sk] = row;
        const { item } = await tables.hot.get({ pk: `w${writer}`, sk }, { consistent: true }, caller());
        expect(item?.attributes).toEqual({ n: sk, b: noise(500 + 7_000 * writer + sk) });
      }
      if (object !== undefined) {
        const [writer, n] = object;
        expect(await bucket.get(`spill/${writer}/${n}/x`, undefined, caller())).toEqual(noise(10_000 + n));
      }
    }
    expect(isEnough(acknowledged)).toBe(true);

    // Objects that were not acknowledged may be there, but then they are whole too.
    const { objects } = await bucket.list('', { limit: 100_000 }, caller());
    for (const { key, bytes } of objects) expect(bytes).toBe(10_000 + Number(key.split('/')[2]));
    expect(readdirSync(join(folder, 'objects', '.incoming'))).toEqual([]);
    tables.close();
  });
});
