import { describe, expect, it } from 'vitest';
import { compactionDifferences, createNewest, type Newest } from '../../demo/newest.ts';

type Entry = readonly [partition: number, offset: number, key: string, value: string];

const SENT: readonly Entry[] = [
  [0, 0, '"LAX-SFO"', '{"n":1}'],
  [0, 1, '"SFO-LAX"', '{"n":2}'],
  [0, 2, '"LAX-SFO"', '{"n":3}'],
  [1, 0, '"JFK-BOS"', '{"n":4}'],
  [0, 3, '"LAX-SFO"', '{"n":5}'],
];
/** What compaction must leave of it. */
const LEFT: readonly Entry[] = SENT.slice(-4).filter(
  ([, offset, key]) => key !== '"LAX-SFO"' || offset === 3,
);

function newestOf(entries: readonly Entry[]): Newest {
  const newest = createNewest(2);
  for (const [partition, offset, key, value] of entries) newest.add(partition, { key, value, offset });
  return newest;
}

/** What the proof says when `change` of what must be left is read after compaction. */
function proofAfter(change: (entries: Entry[]) => void): string[] {
  const entries = [...LEFT];
  change(entries);
  return compactionDifferences({ sent: newestOf(SENT), first: newestOf(SENT), after: newestOf(entries) });
}

describe('the proof that compaction kept the newest of every key', () => {
  it('finds nothing if just the newest records are left, at their offsets', () => {
    expect(proofAfter(() => undefined)).toEqual([]);
    const left = newestOf(LEFT);
    expect([left.recordCount, left.keyCount, left.bytes]).toEqual([3, 3, 3 * (9 + 7)]);
  });

  it('finds a lost newest record, with an older one of its key left', () => {
    expect(proofAfter((entries) => entries.splice(2, 1, [0, 2, '"LAX-SFO"', '{"n":3}']))).toEqual([
      'partition 0, key "LAX-SFO": the newest, at offset 3, is lost: the last that is left stands at 2',
    ]);
  });

  it('finds a key of which nothing is left', () => {
    expect(proofAfter((entries) => entries.splice(1, 1))).toEqual([
      'partition 1, key "JFK-BOS": nothing is left; the newest stood at offset 0',
    ]);
  });

  it('finds a changed offset', () => {
    expect(proofAfter((entries) => entries.splice(2, 1, [0, 4, '"LAX-SFO"', '{"n":5}']))).toEqual([
      'partition 0, key "LAX-SFO": read at offset 3 before, now at 4',
    ]);
    expect(proofAfter((entries) => entries.splice(0, 1, [0, 0, '"SFO-LAX"', '{"n":2}']))).toEqual([
      'partition 0, key "SFO-LAX": the newest, at offset 1, is lost: the last that is left stands at 0',
    ]);
  });

  it('finds another value at the right offset', () => {
    expect(proofAfter((entries) => entries.splice(2, 1, [0, 3, '"LAX-SFO"', '{"n":3}']))).toEqual([
      'partition 0, key "LAX-SFO": another value at offset 3 than was sent last',
    ]);
  });

  it('finds older records that compaction has left', () => {
    expect(
      compactionDifferences({ sent: newestOf(SENT), first: newestOf(SENT), after: newestOf(SENT) }),
    ).toEqual(['partition 0, key "LAX-SFO": 2 records older than the newest are left']);
  });

  it('finds a record that was never sent, and one in another partition', () => {
    expect(proofAfter((entries) => entries.push([1, 1, '"BOS-JFK"', '{"n":6}']))).toEqual([
      'partition 1, key "BOS-JFK": nothing was sent here',
    ]);
    expect(proofAfter((entries) => entries.splice(1, 1, [0, 4, '"JFK-BOS"', '{"n":4}']))).toEqual([
      'partition 0, key "JFK-BOS": nothing was sent here',
      'partition 1, key "JFK-BOS": nothing is left; the newest stood at offset 0',
    ]);
  });
});
