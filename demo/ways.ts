import { batchesIn, type Codecs, decodeBatch, encodeBatch } from '../lib/record/index.ts';

/** A record as the demo sends and reads it: key and value are JSON texts. */
export interface DemoRecord {
  readonly key: string;
  readonly value: string;
}
export interface ReadRecord extends DemoRecord {
  readonly offset: number;
}

/** How records travel in HTTP bodies. Both ways store the same bytes of keys and values. */
export interface Way {
  readonly mediaType: string;
  encode(records: readonly DemoRecord[]): string | Uint8Array<ArrayBuffer>;
  /** What was read from `offset` on: a batch may begin below it. */
  decode(body: Buffer, offset: number): Iterable<ReadRecord>;
}

export type WayName = 'json' | 'batches';
export const WAYS: readonly WayName[] = ['json', 'batches'];

export function wayNamed(name: WayName, codecs: Codecs): Way {
  return name === 'json' ? JSON_WAY : batchesWay(codecs);
}

/** What a first `curl` sends. */
const JSON_WAY: Way = {
  mediaType: 'application/vnd.kafka.json.v2+json',
  encode: (records) =>
    `{"records":[${records.map(({ key, value }) => `{"key":${key},"value":${value}}`).join(',')}]}`,
  decode: (body) => {
    const records = JSON.parse(body.toString()) as { key: unknown; value: unknown; offset: number }[];
    return records.map(({ key, value, offset }) => ({
      key: JSON.stringify(key),
      value: JSON.stringify(value),
      offset,
    }));
  },
};

/** Kafka's own record batches: packed and unpacked by the clients, and stored as they come. */
function batchesWay(codecs: Codecs): Way {
  return {
    mediaType: 'application/vnd.millrace.batches',
    encode: (records) => {
      const timestampMs = Date.now();
      const stored = records.map(({ key, value }) => ({
        timestampMs,
        key: Buffer.from(key),
        value: Buffer.from(value),
      }));
      return new Uint8Array(encodeBatch(codecs, stored, { compression: 'zstd' }));
    },
    *decode(body, offset) {
      for (const { bytes } of batchesIn(body)) {
        for (const record of decodeBatch(codecs, bytes)) {
          if (record.offset < offset) continue;
          yield { key: textOf(record.key), value: textOf(record.value), offset: record.offset };
        }
      }
    },
  };
}

const textOf = (bytes: Uint8Array | null): string =>
  bytes === null ? 'null' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
