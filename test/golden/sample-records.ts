import type { NewRecord } from '../../lib/record/index.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** One record of every kind: nulls, empty fields, headers, all bytes, timestamps before and long after the first. */
export function smallRecords(timeMs: number): NewRecord[] {
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  return [
    { timestampMs: timeMs, key: bytes('key'), value: bytes('{"hello":"world"}') },
    { timestampMs: timeMs + 5, key: null, value: bytes('no key') },
    { timestampMs: timeMs - 3, key: bytes('tombstone'), value: null },
    { timestampMs: timeMs + 365 * 86_400_000, key: null, value: null },
    { timestampMs: -1, key: bytes('no time'), value: bytes('') },
    { timestampMs: timeMs + 1, key: bytes(''), value: bytes('') },
    {
      timestampMs: timeMs + 2,
      key: bytes('headers'),
      value: bytes('with headers'),
      headers: [
        { key: 'plain', value: bytes('value') },
        { key: 'null', value: null },
        { key: '', value: bytes('') },
        { key: 'größe ✓ 🚲', value: Uint8Array.of(0, 255, 127) },
        { key: 'plain', value: bytes('again') },
      ],
    },
    { timestampMs: timeMs + 3, key: all, value: all },
    { timestampMs: timeMs + 4, key: bytes('repeats'), value: bytes('abc'.repeat(1000)) },
  ];
}

/** Several blocks of every block codec: noise that no codec shrinks, and text that repeats. */
export function largeRecords(timeMs: number): NewRecord[] {
  const rows = Array.from({ length: 200 }, (_, row) => ({
    timestampMs: timeMs + row,
    key: bytes(`k${row % 7}`),
    value: bytes(JSON.stringify(Array.from({ length: 60 }, (_, column) => ({ row, n: row * column })))),
  }));
  return [{ timestampMs: timeMs, key: null, value: noise(150_000, 42) }, ...rows];
}

/** The same bytes for the same seed (a linear congruential generator). */
export function noise(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    out[at] = state >>> 24;
  }
  return out;
}
