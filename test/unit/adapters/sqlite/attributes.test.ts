import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributesWriter, readAttributes } from '../../../../lib/adapters/sqlite/attributes.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { AttributeValue } from '../../../../lib/storage/table.ts';

/** Any name an item may have. */
const name = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');

const { value } = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 600 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

describe('attributes as columns', () => {
  it('come back as they were, in their order', () => {
    const columnsOf = attributesWriter();
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (attributes) => {
        const read = readAttributes(columnsOf(attributes));
        expect(read).toEqual(attributes);
        expect(Object.keys(read)).toEqual(Object.keys(attributes));
      }),
      { numRuns: 500 },
    );
  });

  it('keep the largest bytes in a column of their own, uncopied', () => {
    const body = new Uint8Array(70_000).fill(7);
    const { meta, body: column } = attributesWriter()({ n: 1, small: new Uint8Array(300), b: body });
    expect(column).toBe(body);
    expect(meta.byteLength).toBeLessThan(330);
  });

  it('keep short bytes with the rest', () => {
    const { body } = attributesWriter()({ b: new Uint8Array(255) });
    expect(body).toBeNull();
  });

  it('lie as their description says', () => {
    const { meta } = attributesWriter()({ n: 300, t: 'é', x: -0.5, l: [null, true] });
    const expected = [
      [1, 4],
      [1, 0x6e, 3, 0xac, 2],
      [1, 0x74, 5, 2, 0xc3, 0xa9],
      [1, 0x78, 4, 0, 0, 0, 0, 0, 0, 0xe0, 0xbf],
      [1, 0x6c, 7, 2, 0, 2],
    ];
    expect([...meta]).toEqual(expected.flat());
  });

  it('that were cut or changed are damaged or another value, never an error of another kind', () => {
    const columnsOf = attributesWriter();
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.nat(), fc.nat(255), (attributes, at, byte) => {
        const { meta, body } = columnsOf(attributes);
        const cut = meta.slice(0, at % meta.byteLength);
        expect(() => readAttributes({ meta: cut, body })).toThrow(StorageFault);
        meta[at % meta.byteLength] = byte;
        try {
          readAttributes({ meta, body });
        } catch (error) {
          expect(error).toBeInstanceOf(StorageFault);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of a newer format are refused', () => {
    const fault = thrown(() => readAttributes({ meta: new Uint8Array([2, 0]), body: null }));
    expect(fault).toMatchObject({ kind: 'refused' });
  });
});

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
