import { expect, it } from 'vitest';
import { LEASE_MS, takeLease } from '../../../../lib/replication/lease.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { memoryStorage, newCall } from '../../../support/log-on-memory.ts';
import { manualClock } from '../../../tools/manual-clock.ts';

it('a lease is no longer for its holder having slept while it asked for it', async () => {
  const clock = manualClock();
  const { catalog, random } = memoryStorage(clock);
  const sleepy: Table<string> = {
    ...catalog,
    get: async (...args) => {
      const { item, observation } = await catalog.get(...args);
      clock.advance(86_400_000);
      return { item, observation: { ...observation, serverMs: clock.wallMs() } };
    },
  };
  const lease = { sk: 'lease#us#0/1', holder: 'one' };
  const call = newCall(clock, { ms: 200_000_000 });
  expect((await takeLease({ catalog: sleepy, clock, random }, lease, call)).kind).toBe('taken');
  const other = { ...lease, holder: 'two' };
  expect((await takeLease({ catalog, clock, random }, other, call)).kind).toBe('held');
  clock.advance(LEASE_MS + 1_000);
  expect((await takeLease({ catalog, clock, random }, other, call)).kind).toBe('taken');
});
