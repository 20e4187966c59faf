import { randomFillSync } from 'node:crypto';
import type { Random } from '../../storage/random.ts';

const POOL_BYTES = 4_096;

/** Cryptographic randomness from a pool, because one system call for every id would cost more than the id. */
export function systemRandom(): Random {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let used = POOL_BYTES;

  /** Where in the pool `count` fresh bytes begin. */
  const take = (count: number): number => {
    if (used + count > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += count;
    return used - count;
  };

  const text = (count: number): string => {
    const at = take(count);
    return pool.toString('base64url', at, at + count);
  };

  return {
    next: () => {
      const at = take(7);
      // 53 bits, as many as a double can tell apart below 1.
      return ((pool.readUInt32LE(at) & 0x1f_ffff) * 2 ** 32 + pool.readUInt32LE(at + 3)) / 2 ** 53;
    },
    id: () => text(12),
    uuid: () => {
      // Kafka keeps the smallest ids for itself, and a leading dash reads as an option on a command line.
      for (;;) {
        const id = text(16);
        if (!id.startsWith('-') && !id.startsWith('AAAAAAAAAAAAAAAAAAAAA')) return id;
      }
    },
  };
}
