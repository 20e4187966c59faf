import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { engineParts } from '../../../lib/open-log.ts';
import { sweepOnce } from '../../../lib/segment/sweep/sweep.ts';
import { withLocalLog } from './local-log.ts';

it('a sweep of a local store goes by the dates of files, and takes only what nothing refers to', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-sweep-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const objects = join(dataDir, 'objects');
  const files = (): string[] =>
    readdirSync(objects, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);

  await withLocalLog(dataDir, async ({ storage, log, produce, seal, call }) => {
    await log.createTopic({ name: 'orders' }, call());
    await produce('orders', 'a');
    await seal('orders');
    await produce('orders', 'x'.repeat(300_000));
    await storage.bucket.put('spill/left', new Uint8Array(10), call());
    writeFileSync(join(objects, 'notes.txt'), 'mine');
    for (const file of files()) utimesSync(file, twoDaysAgo, twoDaysAgo);
    await storage.bucket.put('spill/fresh', new Uint8Array(10), call());
    mkdirSync(join(objects, '.incoming'), { recursive: true });

    expect(await sweepOnce(engineParts(storage), {}, call())).toMatchObject({
      deletedCount: 1,
      deletedBytes: 10,
      kept: { young: 1, referenced: 2, unsure: 0 },
      foreign: { count: 1, examples: ['notes.txt'] },
      isComplete: true,
    });
    expect(files()).toHaveLength(4);
    const { batches } = await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, call());
    expect(batches).toHaveLength(2);
  });
});
