import { expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { chunkToItem } from '../../../lib/partition/chunk.ts';
import { closePartition } from '../../../lib/partition/close-partition.ts';
import { readTail } from '../../../lib/partition/tail.ts';
import { beginLogAt } from '../../../lib/segment/log-start.ts';
import type { Table } from '../../../lib/storage/table.ts';
import { batchOf, memoryStorage, newCall } from '../../support/log-on-memory.ts';

const PK = 'AAAAAAAAAAAAAAAAAAAAAA:0';
const BEGIN = 6;

/** What is appended at `offset` by somebody who has seen the log end there. */
const append = (parts: EngineParts, offset: number): ReturnType<Table<number>['put']> => {
  const bytes = batchOf('a');
  const chunk = {
    ...{ baseOffset: offset, endOffset: offset + 1, version: parts.random.id(), maxTimestampMs: 0 },
    ...{ identities: [], body: { kind: 'inline', bytes } as const },
  };
  return parts.hot.put(
    chunkToItem(PK, chunk),
    { condition: { kind: 'ifAbsent' }, fences: [] },
    newCall(parts.clock),
  );
};

/** The first marker is on its way while somebody decides where the log begins, and goes on from there. */
function closing(parts: EngineParts, meanwhile: () => Promise<unknown>): Table<number> {
  let isFirst = true;
  return {
    ...parts.hot,
    put: async (...args) => {
      if (isFirst) {
        isFirst = false;
        await meanwhile();
      }
      return parts.hot.put(...args);
    },
  };
}

it.each([
  ['has begun further on', 0],
  ['has begun further on and taken a record there', 1],
])('an empty log that %s while it was being closed is closed where it ends', async (_, records) => {
  const parts = engineParts(memoryStorage());
  const call = newCall(parts.clock);
  const hot = closing(parts, async () => {
    await beginLogAt(parts, PK, BEGIN, call);
    if (records > 0) await append(parts, BEGIN);
  });
  await closePartition({ ...parts, hot }, PK, call, 'freeze');
  const { tail } = await readTail(parts, PK, parts.rules, call);
  const end = BEGIN + records;
  expect(tail).toMatchObject({ offset: end, closed: true, marker: { baseOffset: end } });
  expect(await append(parts, end)).toMatchObject({ stored: false });
  expect((await parts.hot.query(PK, { limit: 9, consistent: true }, call)).items).toHaveLength(1 + records);
});

it('a marker that whoever put it left below the beginning is put where the log ends', async () => {
  const parts = engineParts(memoryStorage());
  const call = newCall(parts.clock);
  await closePartition(parts, PK, call, 'freeze');
  await beginLogAt(parts, PK, BEGIN, call);
  await closePartition(parts, PK, call, 'freeze');
  expect(await append(parts, BEGIN)).toMatchObject({ stored: false });
  expect((await readTail(parts, PK, parts.rules, call)).tail.marker?.baseOffset).toBe(BEGIN);
});
