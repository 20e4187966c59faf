import { expect, it } from 'vitest';
import { contentionRows } from '../../../bench/contention-rows.ts';
import { exactRows } from '../../../bench/exact.ts';
import { codecs } from '../../support/log-on-memory.ts';

/** The benchmark's exact rows are claims too: they do not depend on the machine. */
it('produce and fetch cost exactly what the benchmark states', async () => {
  const rows = await exactRows(codecs);
  expect(rows.filter((row) => !row.isMet)).toEqual([]);
  expect(rows.length).toBe(4);
});

it('writers that meet on one partition stay within the attempts and latencies that the benchmark states', {
  timeout: 60_000,
}, async () => {
  const rows = await contentionRows(codecs);
  expect(rows.filter((row) => !row.isMet)).toEqual([]);
  expect(rows.length).toBe(5);
});
