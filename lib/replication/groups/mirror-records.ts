import { StorageFault } from '../../storage/fault.ts';

/**
 * The records that MirrorMaker 2 keeps about its flows, in its own formats: integers big-endian, a text is its bytes in
 * UTF-8 behind their number as int16 (KIP-382; `Heartbeat` and `Checkpoint` of Kafka's connect-mirror-client).
 *
 *   heartbeat    key    text source alias, text target alias
 *                value  int16 version 0, int64 timestamp in ms
 *   checkpoint   key    text group id, text topic (its name in the target), int32 partition
 *                value  int16 version 0, int64 offset in the source, int64 offset in the target, text metadata
 */
export interface KeyAndValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** That a flow was at work. */
export interface MirrorHeartbeat {
  readonly source: string;
  readonly target: string;
  readonly timestampMs: number;
}

/** Where a group of the source goes on in the target. */
export interface MirrorCheckpoint {
  readonly groupId: string;
  /** As it is called in the target. */
  readonly topic: string;
  readonly partition: number;
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly metadata: string;
}

const VERSION = 0;
const TEXT_BYTES_MAX = 32_767;

export function encodeHeartbeat({ source, target, timestampMs }: MirrorHeartbeat): KeyAndValue {
  return {
    key: Buffer.concat([text(source), text(target)]),
    value: Buffer.concat([int16(VERSION), int64(timestampMs)]),
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer version), as `decodeCheckpoint` does. */
export function decodeHeartbeat({ key, value }: KeyAndValue): MirrorHeartbeat {
  const names = new Reader('heartbeat', key);
  const [source, target] = [names.text(), names.text()];
  const rest = new Reader('heartbeat', value).version();
  return { source, target, timestampMs: rest.int64() };
}

export function encodeCheckpoint(checkpoint: MirrorCheckpoint): KeyAndValue {
  const { groupId, topic, partition, sourceOffset, targetOffset, metadata } = checkpoint;
  const number = Buffer.alloc(4);
  number.writeInt32BE(partition);
  return {
    key: Buffer.concat([text(groupId), text(topic), number]),
    value: Buffer.concat([int16(VERSION), int64(sourceOffset), int64(targetOffset), text(metadata)]),
  };
}

export function decodeCheckpoint({ key, value }: KeyAndValue): MirrorCheckpoint {
  const place = new Reader('checkpoint', key);
  const [groupId, topic, partition] = [place.text(), place.text(), place.int32()];
  const rest = new Reader('checkpoint', value).version();
  const [sourceOffset, targetOffset, metadata] = [rest.int64(), rest.int64(), rest.text()];
  return { groupId, topic, partition, sourceOffset, targetOffset, metadata };
}

function int16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  if (bytes.length > TEXT_BYTES_MAX) throw new RangeError(`a text of ${bytes.length} bytes is too long`);
  return Buffer.concat([int16(bytes.length), bytes]);
}

class Reader {
  readonly #what: string;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(what: string, bytes: Uint8Array) {
    this.#what = what;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  version(): this {
    const version = this.#bytes.readInt16BE(this.#take(2));
    if (version === VERSION) return this;
    throw new StorageFault('refused', `a ${this.#what} of MirrorMaker has version ${version}`);
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): number {
    return Number(this.#bytes.readBigInt64BE(this.#take(8)));
  }

  text(): string {
    const length = this.#bytes.readInt16BE(this.#take(2));
    if (length < 0) throw this.#damaged();
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) throw this.#damaged();
    this.#at += count;
    return at;
  }

  #damaged(): StorageFault {
    return new StorageFault('damaged', `a ${this.#what} of MirrorMaker ends too early`);
  }
}
