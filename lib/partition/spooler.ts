import { LIMITS } from '../limits.ts';
import { segmentFileName } from '../segment/segment-item.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Call } from '../storage/call.ts';
import { Meter } from '../storage/meter.ts';
import type { Observation } from '../storage/observation.ts';
import type { Random } from '../storage/random.ts';
import type { ObjectSpan } from './chunk.ts';

export const SPILL_PREFIX = 'spill/';

/** Where a chunk's bytes were put, and when: an object may be referred to for the first time only for an hour. */
export interface Upload {
  readonly span: ObjectSpan;
  readonly observation: Observation;
}

export interface Spill {
  readonly bytes: Uint8Array;
  readonly baseOffset: number;
}

interface Waiting extends Spill {
  readonly call: Call;
  readonly resolve: (upload: Upload) => void;
  readonly reject: (fault: unknown) => void;
}

/**
 * Puts the bytes of large chunks into objects before pointers to them are written. Chunks of many partitions that are
 * handed in together, or while all upload slots are busy, share one object and its price.
 */
export class Spooler {
  readonly #bucket: Bucket;
  readonly #random: Random;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(bucket: Bucket, random: Random) {
    this.#bucket = bucket;
    this.#random = random;
  }

  /**
   * `baseOffset` is the one that stands in the bytes. Throws the `StorageFault` of the upload; an object that nothing
   * refers to is collected later.
   */
  upload({ bytes, baseOffset }: Spill, call: Call): Promise<Upload> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, baseOffset, call, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // One turn of the microtask queue lets the other partitions of the same request come along.
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#start();
      });
    });
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#inFlight < LIMITS.spillUploadsInFlightMax) {
      const lot = this.#waiting.splice(0, lotSize(this.#waiting));
      this.#inFlight += 1;
      void this.#put(lot).finally(() => {
        this.#inFlight -= 1;
        this.#start();
      });
    }
  }

  async #put(lot: readonly Waiting[]): Promise<void> {
    const bytesTotal = lot.reduce((total, { bytes }) => total + bytes.length, 0);
    const meter = new Meter();
    const call = { meter, deadlineMs: Math.max(...lot.map((waiting) => waiting.call.deadlineMs)) };
    const key = SPILL_PREFIX + this.#random.id() + fileNameOf(lot);
    const charge = (): void => {
      for (const waiting of lot) waiting.call.meter.add(meter.usage, waiting.bytes.length / bytesTotal);
    };
    try {
      const { observation } = await this.#bucket.put(key, joined(lot, bytesTotal), call);
      charge();
      let start = 0;
      for (const { bytes, resolve } of lot) {
        resolve({ span: { key, start, length: bytes.length }, observation });
        start += bytes.length;
      }
    } catch (fault) {
      charge();
      for (const { reject } of lot) reject(fault);
    }
  }
}

/** An object that one chunk fills is named as a segment is: usually its offsets turn out right, and sealing adopts it. */
function fileNameOf(lot: readonly Waiting[]): string {
  const [only] = lot;
  return lot.length === 1 && only !== undefined ? `/${segmentFileName(only.baseOffset)}` : '';
}

function lotSize(waiting: readonly Waiting[]): number {
  let bytes = 0;
  const over = waiting.findIndex((one, index) => {
    bytes += one.bytes.length;
    return index > 0 && bytes > LIMITS.spillObjectBytesMax;
  });
  return over === -1 ? waiting.length : over;
}

function joined(lot: readonly Waiting[], bytesTotal: number): Uint8Array {
  const [only] = lot;
  if (lot.length === 1 && only !== undefined) return only.bytes;
  const all = new Uint8Array(bytesTotal);
  let at = 0;
  for (const { bytes } of lot) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
