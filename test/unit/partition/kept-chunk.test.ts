import { describe, expect, it } from 'vitest';
import { type Chunk, chunkFromItem, chunkToItem } from '../../../lib/partition/chunk.ts';
import { extentsOf } from '../../../lib/partition/chunk-extents.ts';
import { loadPieces } from '../../../lib/partition/load-pieces.ts';
import { planRead } from '../../../lib/partition/read-plan.ts';
import { stretchesOf } from '../../../lib/partition/stretch.ts';
import { isToldInObject, producerBatches, producersEndAt } from '../../../lib/producer/chunk-producers.ts';
import { patchBaseOffset, readBatchHeader } from '../../../lib/record/header.ts';
import type { BatchHeader } from '../../../lib/record/index.ts';
import type { Item } from '../../../lib/storage/table.ts';
import { batchOf, memoryStorage, newCall, textOf } from '../../support/log-on-memory.ts';

const storage = memoryStorage();
const call = () => newCall(storage.clock);

/** Batches of two records at these offsets, in a chunk from 10 on. */
const OFFSETS = [14, 20, 22, 40];

function batchAt(baseOffset: number): Uint8Array {
  const bytes = batchOf(`a${baseOffset}`, `b${baseOffset}`);
  patchBaseOffset(bytes, { baseOffset, leaderEpoch: 3 });
  return bytes;
}

const batches = OFFSETS.map(batchAt);
const bytes = new Uint8Array(Buffer.concat(batches));
const headers = batches.map((batch): BatchHeader => readBatchHeader(batch));

const chunk: Chunk = {
  baseOffset: 10,
  endOffset: 42,
  version: 'abcdefghijklmnop',
  expiresAtSeconds: 1_800_000_000,
  maxTimestampMs: 1_700_000_000_000,
  identities: [],
  keepsOffsets: true,
  body: { kind: 'inline', bytes },
};

async function spilled(): Promise<Chunk> {
  const key = `spill/${storage.random.id()}`;
  await storage.bucket.put(key, bytes, call());
  const span = { key, start: 0, length: bytes.length };
  return { ...chunk, body: { kind: 'spilled', span, stretches: stretchesOf(headers) } };
}

const read = async (of: Chunk, offset: number, bytesMax: number): Promise<string[]> =>
  textOf(await loadPieces(storage.bucket, planRead([of], offset, bytesMax), call()));

describe('a chunk that keeps offsets', () => {
  it('comes back from its item as it was, inline and spilled', async () => {
    for (const one of [chunk, await spilled()]) expect(chunkFromItem(chunkToItem('p', one))).toEqual(one);
  });

  it('leaves the items of plain chunks as they were, to the byte', () => {
    const { keepsOffsets: _, ...rest } = chunk;
    const summary = {
      bytes: 100,
      offsetCount: 2,
      maxTimestampMs: 7,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
    };
    const span = { key: 'spill/x', start: 0, length: 100 };
    const expected = (attributes: Item<number>['attributes']): Item<number> => ({
      pk: 'p',
      sk: 10,
      version: 'abcdefghijklmnop',
      expiresAtSeconds: 1_800_000_000,
      attributes: { f: 1, n: 32, m: 1_700_000_000_000, ...attributes },
    });
    expect(chunkToItem('p', rest)).toEqual(expected({ b: bytes }));
    const hex = '00000064 00000002 401c000000000000 bff0000000000000 ffff ffffffff'.replaceAll(' ', '');
    expect(chunkToItem('p', { ...rest, body: { kind: 'spilled', span, batches: [summary] } })).toEqual(
      expected({ o: ['spill/x', 0, 100], h: new Uint8Array(Buffer.from(hex, 'hex')) }),
    );
  });

  it('is stored in these bytes', () => {
    const stretch = {
      bytes: 100,
      baseOffset: 14,
      endOffset: 42,
      maxTimestampMs: 7,
      hasProducers: true,
    };
    const span = { key: 'spill/x', start: 0, length: 100 };
    const { attributes } = chunkToItem('p', {
      ...chunk,
      body: { kind: 'spilled', span, stretches: [stretch] },
    });
    const hex = '00000064 402c000000000000 4045000000000000 401c000000000000 01'.replaceAll(' ', '');
    expect(attributes).toEqual({
      f: 2,
      n: 32,
      m: 1_700_000_000_000,
      o: ['spill/x', 0, 100],
      h: new Uint8Array(Buffer.from(hex, 'hex')),
      k: true,
    });
    expect(chunkToItem('p', chunk).attributes).toEqual({
      f: 2,
      n: 32,
      m: 1_700_000_000_000,
      b: bytes,
      k: true,
    });
  });

  it('is read at the offsets that stand in its batches, from inside and from its holes', async () => {
    const at = (offset: number): string[] => [`${offset}:a${offset}`, `${offset + 1}:b${offset}`];
    for (const one of [chunk, await spilled()]) {
      expect(await read(one, 10, 1_000_000)).toEqual(OFFSETS.flatMap(at));
      expect(await read(one, 15, 1_000_000)).toEqual(OFFSETS.flatMap(at));
      expect(await read(one, 16, 1_000_000)).toEqual([20, 22, 40].flatMap(at));
      expect(await read(one, 24, 1_000_000)).toEqual(at(40));
      expect(await read(one, 41, 1_000_000)).toEqual(at(40));
    }
    expect(planRead([chunk], 10, 1).map(({ endOffset }) => endOffset)).toEqual([16]);
    expect([...extentsOf(chunk)].map(({ baseOffset }) => baseOffset)).toEqual(OFFSETS);
  });

  it('tells of few stretches however many batches it has, each of whole batches', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => {
      const header = headers[0];
      if (header === undefined) throw new Error('no header');
      return { ...header, baseOffset: i * 7, batchBytes: 500 + (i % 13) * 100 };
    });
    const stretches = stretchesOf(many);
    expect(stretches.length).toBeLessThanOrEqual(128);
    expect(stretches.length).toBeGreaterThan(64);
    expect(stretches.reduce((total, one) => total + one.bytes, 0)).toBe(
      many.reduce((total, one) => total + one.batchBytes, 0),
    );
    stretches.slice(1).forEach((one, i) => {
      expect(one.baseOffset).toBeGreaterThanOrEqual(stretches[i]?.endOffset ?? 0);
    });
  });

  it('tells where producers have written last, and from where they are to be read', async () => {
    const numbered = headers.map((header) => ({
      ...header,
      producerId: 5,
      producerEpoch: 0,
      baseSequence: 0,
    }));
    const far = await spilled();
    if (far.body.kind !== 'spilled') throw new Error('not spilled');
    const { span } = far.body;
    const withProducers: Chunk = {
      ...far,
      body: { kind: 'spilled', span, stretches: stretchesOf(numbered) },
    };
    expect([isToldInObject(far), isToldInObject(withProducers), isToldInObject(chunk)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(producersEndAt(withProducers)).toBe(42);
    expect(producersEndAt({ ...far, producersEnd: 7 })).toBe(7);
    expect([...producerBatches(far)]).toEqual([]);
  });
});
