import { expect, it } from 'vitest';
import { engineParts } from '../../../lib/open-log.ts';
import { chunkToItem } from '../../../lib/partition/chunk.ts';
import { ownEnd } from '../../../lib/segment/own-end.ts';
import type { Table } from '../../../lib/storage/table.ts';
import { memoryStorage, newCall } from '../../support/log-on-memory.ts';

const PK = 'AAAAAAAAAAAAAAAAAAAAAA:0';

it.each([
  ['is found at once where it is the newest', 0, 1],
  ['is found in a few requests behind thousands of copies', 4_000, 8],
])('the last record of the region %s', async (_, copies, readsMax) => {
  const parts = engineParts(memoryStorage());
  const call = newCall(parts.clock);
  for (let offset = 0; offset <= copies; offset += 1) {
    const origin = { region: 'west', baseOffset: offset, endOffset: offset + 1 };
    const chunk = {
      ...{ baseOffset: offset, endOffset: offset + 1, version: parts.random.id(), maxTimestampMs: 0 },
      ...{ identities: [], body: { kind: 'inline', bytes: new Uint8Array(8) } as const },
      ...(offset === 0 ? {} : { origin, origins: new Map([['west', { endOffset: offset + 1, crc: 0 }]]) }),
    };
    await parts.hot.put(chunkToItem(PK, chunk), { condition: { kind: 'ifAbsent' } }, call);
  }
  let reads = 0;
  const hot: Table<number> = {
    ...parts.hot,
    query: (...args) => {
      reads += 1;
      return parts.hot.query(...args);
    },
  };
  const log = { sealedEnd: 0, endOffset: copies + 1 };
  expect(await ownEnd({ hot, catalog: parts.catalog }, PK, log, call)).toBe(1);
  expect(reads).toBeLessThanOrEqual(readsMax);
});
