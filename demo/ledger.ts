import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { DemoRecord } from './ways.ts';

/** What went into a topic, or came out: of every key its count and a hash over its values in their order. */
export interface Ledger {
  add(partition: number, record: DemoRecord): void;
  recordCount(partition?: number): number;
  /** UTF-8 bytes of keys and values. */
  readonly bytes: number;
  readonly keyCount: number;
  readonly partitions: readonly ReadonlyMap<string, Track>[];
}

interface Track {
  readonly count: number;
  /** Over the values one behind the other: says whether the sequences are the same. */
  readonly sequence: Hash;
  /** Of the values' checksums: the same for any order. Only to say in what way two sequences differ. */
  readonly sum: number;
}

export function createLedger(partitionCount: number): Ledger {
  const partitions = Array.from({ length: partitionCount }, () => new Map<string, Mutable<Track>>());
  let bytes = 0;
  const countOf = (tracks: ReadonlyMap<string, Track> | undefined): number =>
    [...(tracks?.values() ?? [])].reduce((total, { count }) => total + count, 0);
  return {
    partitions,
    get bytes() {
      return bytes;
    },
    get keyCount() {
      return new Set(partitions.flatMap((tracks) => [...tracks.keys()])).size;
    },
    recordCount: (partition) =>
      partition === undefined
        ? partitions.reduce((total, tracks) => total + countOf(tracks), 0)
        : countOf(partitions[partition]),
    add: (partition, { key, value }) => {
      const tracks = partitions[partition];
      if (tracks === undefined) throw new RangeError(`There is no partition ${partition}`);
      let track = tracks.get(key);
      if (track === undefined) {
        track = { count: 0, sequence: createHash('sha256'), sum: 0 };
        tracks.set(key, track);
      }
      track.count += 1;
      // JSON text never holds a bare line feed: no two sequences of values look alike.
      track.sequence.update(`${value}\n`);
      track.sum = (track.sum + crc32(value)) % Number.MAX_SAFE_INTEGER;
      bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    },
  };
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

/** One line for everything in which the topic differs from what was sent to it; empty if it holds just that. */
export function differences({ sent, read }: { readonly sent: Ledger; readonly read: Ledger }): string[] {
  const lines: string[] = [];
  for (const [partition, sentTracks] of sent.partitions.entries()) {
    const readTracks = read.partitions[partition] ?? new Map<string, Track>();
    const counts = { sent: sent.recordCount(partition), read: read.recordCount(partition) };
    if (counts.sent !== counts.read) {
      lines.push(`partition ${partition}: ${counts.sent} sent, ${counts.read} read`);
    }
    for (const key of new Set([...sentTracks.keys(), ...readTracks.keys()])) {
      const line = trackDifference(sentTracks.get(key), readTracks.get(key));
      if (line !== undefined) lines.push(`partition ${partition}, key ${key}: ${line}`);
    }
  }
  return lines;
}

function trackDifference(sent: Track | undefined, read: Track | undefined): string | undefined {
  const counts = { sent: sent?.count ?? 0, read: read?.count ?? 0 };
  if (counts.read < counts.sent) return `${counts.sent - counts.read} of ${counts.sent} records missing`;
  if (counts.read > counts.sent)
    return `${counts.read - counts.sent} records more than the ${counts.sent} sent`;
  if (sent === undefined || read === undefined || digest(sent) === digest(read)) return undefined;
  return sent.sum === read.sum
    ? `${counts.sent} records, but in another order than they were sent in`
    : `${counts.sent} records, but not the ones that were sent`;
}

/** Of a copy: a hash can be asked only once. */
const digest = ({ sequence }: Track): string => sequence.copy().digest('hex');
