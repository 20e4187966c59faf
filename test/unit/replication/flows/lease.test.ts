import { expect, it } from 'vitest';
import { LEASE_MS, renewLease, takeLease } from '../../../../lib/replication/lease.ts';
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

it('a clock that is set back while a lease is held misdates one renewal and no more', async () => {
  const clock = manualClock();
  const { catalog, random } = memoryStorage(clock);
  const machine = { ...clock, setMs: 0, wallMs: (): number => clock.wallMs() + machine.setMs };
  const answered: Table<string> = {
    ...catalog,
    get: async (...args) => {
      const { item, observation } = await catalog.get(...args);
      return { item, observation: { ...observation, serverMs: clock.wallMs() } };
    },
    put: async (...args) => {
      const result = await catalog.put(...args);
      return { ...result, observation: { ...result.observation, serverMs: clock.wallMs() } };
    },
  };
  const holder = { catalog: answered, clock: machine, random };
  const other = { catalog: answered, clock, random };
  const call = newCall(clock, { ms: 200_000_000 });
  const lease = { sk: 'lease#us#0/1', holder: 'one' };
  const taken = await takeLease(holder, lease, call);
  if (taken.kind !== 'taken') throw new Error('Nobody has it');
  machine.setMs = -86_400_000;
  const misdated = await renewLease(holder, taken.lease, call);
  if (misdated === undefined) throw new Error('Nobody has taken it');
  await renewLease(holder, misdated, call);
  clock.advance(LEASE_MS - 1_000);
  expect((await takeLease(other, { ...lease, holder: 'two' }, call)).kind).toBe('held');
});
