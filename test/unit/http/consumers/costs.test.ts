import { expect, it } from 'vitest';
import { fill, filled, newInstance } from './support.ts';

const PARTITIONS = [0, 1, 2];

it('a steady poll of three partitions with auto commit costs a write for each commit and one for the instance', async () => {
  const api = await filled({ partitions: PARTITIONS.length });
  const instance = await newInstance(api);
  await instance.subscribe('t');
  await instance.read();
  for (let round = 0; round < 3; round += 1) {
    for (const partition of PARTITIONS) await fill(api, partition, 2);
    const { json, headers } = await instance.get('records');
    expect(json).toHaveLength(6);
    // The instance, consistently; half a unit for the heartbeat and for what each partition has.
    expect(headers['X-Millrace-Cost']).toContain('write-units=4, read-units=3,');
  }
});

it('a poll that finds nothing and has nothing to commit writes nothing', async () => {
  const api = await filled({ partitions: PARTITIONS.length });
  const instance = await newInstance(api);
  await instance.subscribe('t');
  await instance.read();
  await instance.read();
  const { json, headers } = await instance.get('records?timeout=0');
  expect(json).toEqual([]);
  expect(headers['X-Millrace-Cost']).toContain('write-units=0, read-units=3,');
});
