import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOf } from '../../../lib/http/cost.ts';
import { decodeBase64 } from '../../../lib/http/embedded.ts';
import { parseJson } from '../../../lib/http/json-body.ts';
import { streamedObjects } from '../../../lib/http/json-stream.ts';
import { formatTime, parseTime } from '../../../lib/http/rfc3339.ts';
import { Meter } from '../../../lib/storage/meter.ts';

describe('times', () => {
  const year9999 = Date.parse('9999-12-31T23:59:59.999Z');

  it('are written as JavaScript writes them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: year9999 }), (ms) => {
        expect(formatTime(ms)).toBe(new Date(ms).toISOString());
        expect(parseTime(formatTime(ms))).toBe(ms);
      }),
    );
  });

  it.each([
    '2026-01-31T12:00:00Z',
    '2026-01-31t12:00:00.5z',
    '2024-02-29T00:00:00+05:30',
    '1970-01-01T00:00:00-23:59',
    '0001-01-01T00:00:00Z',
    '2026-01-31T12:00Z',
  ])('%s is read as JavaScript reads it', (text) => {
    expect(parseTime(text)).toBe(Date.parse(text.toUpperCase()));
  });

  it('finer fractions than milliseconds are cut', () => {
    expect(parseTime('1970-01-01T00:00:00.123999999Z')).toBe(123);
  });

  it.each([
    '',
    'now',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:60Z',
    '2026-01-31T12:00:00',
    '2026-01-31',
    '2026-01-31T12:00:00+24:00',
    '1769860800000',
  ])('%j is no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

describe('JSON objects one behind another', () => {
  it('come out as they went in, whatever stands in their strings and between them', () => {
    const space = fc.constantFrom('', ' ', '\n', '\r\n\t');
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(fc.tuple(space, object)), space, (parts, end) => {
        const text = parts.map(([before, value]) => before + JSON.stringify(value)).join('') + end;
        const values = [...streamedObjects(text)].map((streamed) =>
          streamed.kind === 'value' ? streamed.value : null,
        );
        expect(values).toEqual(parts.map(([, value]) => JSON.parse(JSON.stringify(value))));
      }),
    );
  });

  it('end at the first thing that is none, and always come to an end', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', '[', ']', ':', '1', ' ') }),
        (text) => {
          const streamed = [...streamedObjects(text)];
          expect(streamed.slice(0, -1).every(({ kind }) => kind === 'value')).toBe(true);
        },
      ),
    );
  });

  it('are found in time that grows with the text', () => {
    const text = `{"a":"${'\\\\'.repeat(500_000)}"}`.repeat(2) + '{"b":"'.padEnd(1_000_000, '\\');
    expect([...streamedObjects(text)].map(({ kind }) => kind)).toEqual(['value', 'value', 'broken']);
  });
});

describe('numbers in JSON', () => {
  it('are written back with the value they were read with', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][-+]?\d{1,3})?$/), (number) => {
        const written = JSON.stringify(parseJson(`[${number}]`)).slice(1, -1);
        // Either the same digits, or a number so short that a double holds it.
        expect(Number(written) === Number(number)).toBe(true);
        if (written !== number) expect(number.replace(/\D/g, '').length).toBeLessThan(16);
      }),
    );
  });
});

describe('base64', () => {
  it('of any bytes is decoded', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(Uint8Array.from(decodeBase64(Buffer.from(bytes).toString('base64'), 'it'))).toEqual(bytes);
      }),
    );
  });

  it('of ten megabytes is decoded', () => {
    expect(decodeBase64('AAAA'.repeat(2_500_000), 'it')).toHaveLength(7_500_000);
  });

  it.each(['A', 'AA', 'AAA', 'A===', '====', 'AA=A', 'A A=', 'AAAA=', 'AA==AA==', 'AAA-', '\u0000AAA'])(
    '%j is none',
    (text) => {
      expect(() => decodeBase64(text, 'it')).toThrow(expect.objectContaining({ status: 400 }));
    },
  );
});

describe('the cost header', () => {
  it('states whole units plainly and shares of them exactly enough', () => {
    const meter = new Meter();
    expect(costOf(meter)).toBe('write-units=0, read-units=0, s3-requests=0, dollars=0');
    meter.add({ writeUnits: 3 }, 1 / 32);
    meter.add({ readUnits: 0.5, objectPuts: 1, objectGets: 2 });
    expect(costOf(meter)).toBe('write-units=0.09375, read-units=0.5, s3-requests=3, dollars=0.000005921094');
  });
});
