import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCheckpoint,
  decodeHeartbeat,
  encodeCheckpoint,
  encodeHeartbeat,
} from '../../../../lib/replication/groups/mirror-records.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }).filter((text) => text.isWellFormed());
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("MirrorMaker's records", () => {
  it('a heartbeat lies byte for byte as MirrorMaker writes it', () => {
    const { key, value } = encodeHeartbeat({ source: 'us', target: 'eu', timestampMs: 1_700_000_000_000 });
    expect(hex(key)).toBe('0002' + '7573' + '0002' + '6575');
    expect(hex(value)).toBe('0000' + '0000018bcfe56800');
  });

  it('a checkpoint lies byte for byte as MirrorMaker writes it', () => {
    const { key, value } = encodeCheckpoint({
      ...{ groupId: 'g', topic: 'us.t', partition: 3 },
      ...{ sourceOffset: 258, targetOffset: 257, metadata: 'ü' },
    });
    expect(hex(key)).toBe('0001' + '67' + '0004' + '75732e74' + '00000003');
    expect(hex(value)).toBe('0000' + '0000000000000102' + '0000000000000101' + '0002' + 'c3bc');
  });

  it('whatever is written is read', () => {
    fc.assert(
      fc.property(name, name, number, (source, target, timestampMs) => {
        const heartbeat = { source, target, timestampMs };
        expect(decodeHeartbeat(encodeHeartbeat(heartbeat))).toEqual(heartbeat);
      }),
    );
    fc.assert(
      fc.property(name, name, fc.nat(), number, number, name, (...fields) => {
        const [groupId, topic, partition, sourceOffset, targetOffset, metadata] = fields;
        const checkpoint = { groupId, topic, partition, sourceOffset, targetOffset, metadata };
        expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
      }),
    );
  });

  it('what is cut short or of a later version is refused, not misread', () => {
    const { key, value } = encodeHeartbeat({ source: 'us', target: 'eu', timestampMs: 1 });
    for (let length = 0; length < value.length; length += 1) {
      expect(() => decodeHeartbeat({ key, value: value.subarray(0, length) })).toThrow('too early');
    }
    expect(() => decodeHeartbeat({ key: key.subarray(0, 5), value })).toThrow('too early');
    expect(() =>
      decodeHeartbeat({ key, value: Buffer.concat([Buffer.from([0, 1]), value.subarray(2)]) }),
    ).toThrow('version 1');
  });
});
