/**
 * Where Kafka's Java client puts a record with a key: murmur2 of the key's bytes, made positive, modulo the number of
 * partitions (org.apache.kafka.clients.producer.internals.BuiltInPartitioner). Clients of both worlds agree on it.
 */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** Austin Appleby's MurmurHash2 with 32 bits and Kafka's seed; a signed 32-bit number, as in Java. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const wordsEnd = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < wordsEnd; at += 4) {
    let word =
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
    word = Math.imul(word, M);
    word ^= word >>> 24;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  if (length > wordsEnd) {
    hash ^= (bytes[wordsEnd] ?? 0) | ((bytes[wordsEnd + 1] ?? 0) << 8) | ((bytes[wordsEnd + 2] ?? 0) << 16);
    hash = Math.imul(hash, M);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}
