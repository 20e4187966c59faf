import { describe, expect, it } from 'vitest';
import { createLedger, differences, type Ledger } from '../../demo/ledger.ts';
import { createTraffic, readReceipt } from '../../demo/traffic.ts';

type Entry = readonly [partition: number, key: string, value: string];

const SENT: readonly Entry[] = [
  [0, '"LAX"', '{"n":1}'],
  [0, '"SFO"', '{"n":2}'],
  [0, '"LAX"', '{"n":3}'],
  [1, '"JFK"', '{"n":4}'],
  [0, '"LAX"', '{"n":5}'],
];

function ledgerOf(entries: readonly Entry[]): Ledger {
  const ledger = createLedger(2);
  for (const [partition, key, value] of entries) ledger.add(partition, { key, value });
  return ledger;
}

/** What the proof says when the topic gives back `change` of what was sent. */
function proofAfter(change: (entries: Entry[]) => void): string[] {
  const entries = [...SENT];
  change(entries);
  return differences({ sent: ledgerOf(SENT), read: ledgerOf(entries) });
}

describe('the proof of the demo', () => {
  it('finds nothing if every key came back as it was sent, whatever the order between keys', () => {
    expect(proofAfter(() => undefined)).toEqual([]);
    expect(proofAfter((entries) => entries.unshift(...entries.splice(1, 1)))).toEqual([]);
    expect(proofAfter((entries) => entries.unshift(...entries.splice(3, 1)))).toEqual([]);
  });

  it('can be asked again while records go on', () => {
    const [sent, read] = [ledgerOf(SENT), ledgerOf(SENT)];
    expect(differences({ sent, read })).toEqual([]);
    sent.add(1, { key: '"JFK"', value: '{"n":6}' });
    expect(differences({ sent, read })).toHaveLength(2);
    read.add(1, { key: '"JFK"', value: '{"n":6}' });
    expect(differences({ sent, read })).toEqual([]);
  });

  it('finds a missing record', () => {
    expect(proofAfter((entries) => entries.splice(2, 1))).toEqual([
      'partition 0: 4 sent, 3 read',
      'partition 0, key "LAX": 1 of 3 records missing',
    ]);
  });

  it('finds a key that is missing as a whole', () => {
    expect(proofAfter((entries) => entries.splice(3, 1))).toEqual([
      'partition 1: 1 sent, 0 read',
      'partition 1, key "JFK": 1 of 1 records missing',
    ]);
  });

  it('finds a doubled record', () => {
    expect(proofAfter((entries) => entries.push([0, '"LAX"', '{"n":5}']))).toEqual([
      'partition 0: 4 sent, 5 read',
      'partition 0, key "LAX": 1 records more than the 3 sent',
    ]);
  });

  it('finds two records of a key that changed places', () => {
    expect(
      proofAfter((entries) => {
        entries[0] = [0, '"LAX"', '{"n":3}'];
        entries[2] = [0, '"LAX"', '{"n":1}'];
      }),
    ).toEqual(['partition 0, key "LAX": 3 records, but in another order than they were sent in']);
  });

  it('finds a record lost and another doubled, where counts agree', () => {
    expect(
      proofAfter((entries) => {
        entries[2] = [0, '"LAX"', '{"n":1}'];
      }),
    ).toEqual(['partition 0, key "LAX": 3 records, but not the ones that were sent']);
  });

  it('finds a record under another key, and one in another partition', () => {
    expect(
      proofAfter((entries) => {
        entries[2] = [0, '"SFO"', '{"n":3}'];
      }),
    ).toEqual([
      'partition 0, key "LAX": 1 of 3 records missing',
      'partition 0, key "SFO": 1 records more than the 1 sent',
    ]);
    expect(
      proofAfter((entries) => {
        entries[3] = [0, '"JFK"', '{"n":4}'];
      }),
    ).toEqual([
      'partition 0: 4 sent, 5 read',
      'partition 0, key "JFK": 1 records more than the 0 sent',
      'partition 1: 1 sent, 0 read',
      'partition 1, key "JFK": 1 of 1 records missing',
    ]);
  });
});

describe('the bill of the demo', () => {
  it('reads what X-Millrace-Cost says', () => {
    expect(readReceipt('write-units=1.5, read-units=0.5, s3-requests=2, dollars=0.0000110625')).toEqual({
      writeUnits: 1.5,
      readUnits: 0.5,
      s3Requests: 2,
      dollars: 0.0000110625,
    });
    expect(readReceipt(null)).toEqual({ writeUnits: 0, readUnits: 0, s3Requests: 0, dollars: 0 });
  });

  it('counts a request for every 512 KB begun, and every attempt', () => {
    const { count, traffic } = createTraffic();
    count({ bytes: 0, cost: null, isRetry: false });
    count({ bytes: 524_288, cost: null, isRetry: true });
    count({ bytes: 524_289, cost: 'write-units=1, s3-requests=5, dollars=0.1', isRetry: false });
    expect(traffic).toEqual({
      calls: 3,
      retries: 1,
      gatewayUnits: 4,
      functionMs: 3 * 20 + 2 * 50,
      writeUnits: 1,
      readUnits: 0,
      s3Requests: 5,
      storageDollars: 0.1,
    });
  });
});
