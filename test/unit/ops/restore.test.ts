import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { withLocalLog } from './local-log.ts';

function restore(...args: readonly string[]): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['ops/restore.ts', ...args], {
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

it('npm run restore takes yesterday’s tables into use beside today’s objects', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-restore-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const store = join(dataDir, 'millrace.sqlite');
  const backup = join(dataDir, 'backup.sqlite');

  await withLocalLog(dataDir, async ({ log, produce, call }) => {
    await log.createTopic({ name: 'orders' }, call());
    await produce('orders', 'kept');
  });
  // Closing a store leaves everything in the one file.
  expect(readdirSync(dataDir).sort()).toEqual(['millrace.sqlite', 'objects']);
  copyFileSync(store, backup);
  await withLocalLog(dataDir, async ({ produce, seal }) => {
    await seal('orders');
    await produce('orders', 'lost');
    await seal('orders');
  });
  copyFileSync(backup, store);

  const asked = restore('--data-dir', dataDir);
  expect(asked.text).toContain('lost  orders/0: at least the offsets 1 to 1');
  expect(asked.text).toContain('orders: the leader epoch would be raised to 1, from the ends at 1 on');
  expect(asked.text).toContain('Nothing was changed');
  expect(asked.status).toBe(0);

  const done = restore('--data-dir', dataDir, '--apply');
  expect(done.text).toContain('orders: the leader epoch is raised to 1, from the ends at 1 on');
  expect(done.status).toBe(0);
  await withLocalLog(dataDir, async ({ log, produce, call }) => {
    expect(await log.describeTopic('orders', call())).toMatchObject({ leaderEpoch: 1 });
    expect(await produce('orders', 'new')).toMatchObject({ baseOffset: 1 });
  });
});
