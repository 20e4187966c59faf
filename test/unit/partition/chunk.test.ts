import { describe, expect, it } from 'vitest';
import { type Chunk, chunkFromItem, chunkToItem, partitionKey } from '../../../lib/partition/chunk.ts';
import type { StorageFault } from '../../../lib/storage/fault.ts';
import { itemBytes } from '../../../lib/storage/units.ts';

const TOPIC_ID = 'k7vXIbnYRJmPz0cQ8rT2wA';

const inline = (bytes: Uint8Array, options: Partial<Chunk> = {}): Chunk => ({
  baseOffset: 123_456_789,
  endOffset: 123_456_799,
  version: 'abcdefghijklmnop',
  expiresAtSeconds: 1_800_000_000,
  maxTimestampMs: 1_790_000_000_123,
  identities: [],
  body: { kind: 'inline', bytes },
  ...options,
});

describe('a chunk item', () => {
  const pk = partitionKey(TOPIC_ID, 9_999);

  it.each<[string, Chunk]>([
    ['inline', inline(new Uint8Array([1, 2, 3]))],
    [
      'with identities',
      inline(new Uint8Array([1]), { identities: [{ id: 'x'.repeat(22), offsetDelta: 4 }] }),
    ],
    [
      'spilled',
      inline(new Uint8Array(), {
        body: {
          kind: 'spilled',
          span: { key: 'spill/a', start: 10, length: 2_000_000 },
          batches: [
            {
              bytes: 2_000_000,
              offsetCount: 2_147_483_647,
              maxTimestampMs: 9_007_199_254_740_991,
              producerId: -1,
              producerEpoch: -1,
              baseSequence: -1,
            },
            {
              bytes: 61,
              offsetCount: 1,
              maxTimestampMs: -1,
              producerId: 9_007_199_254_740_991,
              producerEpoch: 32_767,
              baseSequence: 2_147_483_647,
            },
          ],
        },
      }),
    ],
  ])('comes back as it was: %s', (_, chunk) => {
    expect(chunkFromItem(chunkToItem(pk, chunk))).toEqual(chunk);
  });

  it('comes back as it was: closed, without an expiry', () => {
    const { expiresAtSeconds: _, ...rest } = inline(new Uint8Array());
    const marker: Chunk = { ...rest, endOffset: rest.baseOffset, body: { kind: 'closed' } };
    expect(chunkFromItem(chunkToItem(pk, marker))).toEqual(marker);
  });

  it('carries at most 124 bytes besides its batches, so that 900 bytes are one write unit', () => {
    const largest = inline(new Uint8Array(900), {
      baseOffset: Number.MAX_SAFE_INTEGER - 1_000,
      endOffset: Number.MAX_SAFE_INTEGER,
    });
    expect(itemBytes(chunkToItem(pk, largest)) - 900).toBeLessThanOrEqual(124);
  });

  it('that says where the last producer wrote takes 124 bytes at most as long as that is not far behind', () => {
    const chunk = inline(new Uint8Array(900), { producersEnd: 123_456_700 });
    expect(itemBytes(chunkToItem(pk, chunk)) - 900).toBeLessThanOrEqual(124);
  });

  it.each([123_456_789, 1, 2, 123_456_788, 100_000_000, 99])(
    'comes back with where the last producer wrote: %i',
    (producersEnd) => {
      const chunk = inline(new Uint8Array([1]), { producersEnd });
      expect(chunkFromItem(chunkToItem(pk, chunk))).toEqual(chunk);
    },
  );

  it('of one spilled batch is one write unit', () => {
    const chunk = inline(new Uint8Array(), {
      body: {
        kind: 'spilled',
        span: { key: `spill/${'r'.repeat(16)}`, start: 16_000_000, length: 8_000_000 },
        batches: Array.from({ length: 20 }, () => ({
          bytes: 400_000,
          offsetCount: 1_000,
          maxTimestampMs: 1_790_000_000_123,
          producerId: -1,
          producerEpoch: -1,
          baseSequence: -1,
        })),
      },
    });
    expect(itemBytes(chunkToItem(pk, chunk))).toBeLessThanOrEqual(1_024);
  });

  const faultOf = (attributes: Record<string, number | string | boolean>): StorageFault => {
    try {
      chunkFromItem({ pk, sk: 0, version: 'v', attributes });
    } catch (fault) {
      return fault as StorageFault;
    }
    throw new Error('it was read');
  };

  it('of a newer format is refused by name, not misread', () => {
    const fault = faultOf({ f: 3, n: 1, m: 1, c: true });
    expect(fault.kind).toBe('refused');
    expect(fault.message).toContain('format 3');
  });

  it('that knows of other regions has a format of its own, so that nobody who does not know them writes behind it', () => {
    const chunk: Chunk = {
      baseOffset: 10,
      endOffset: 12,
      version: 'v',
      maxTimestampMs: 1,
      identities: [],
      origin: { region: 'east', baseOffset: 3, endOffset: 5 },
      origins: new Map([
        ['east', { endOffset: 5, crc: 9 }],
        ['north', { endOffset: 70, crc: 8 }],
      ]),
      body: { kind: 'inline', bytes: new Uint8Array([1]) },
    };
    const item = chunkToItem(pk, chunk);
    expect(item.attributes).toMatchObject({ f: 2, g: ['east', 3, 5], u: ['east', 5, 9, 'north', 70, 8] });
    expect(chunkFromItem(item)).toEqual(chunk);
  });

  it('with a wrong attribute is damage that names the item', () => {
    const fault = faultOf({ f: 1, n: 'ten', m: 1, c: true });
    expect(fault.kind).toBe('damaged');
    expect(fault.message).toContain(`${pk} / 0`);
  });
});
