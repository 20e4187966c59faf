import type { Call } from './call.ts';
import type { Observation } from './observation.ts';

/** The second storage port: immutable objects. Keys carry a random id, so no object is ever written twice. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** When storage received it, on storage's own clock. */
  readonly modifiedMs: number;
}

export interface Bucket {
  /** Durable once answered. An object that is there already is left alone: same key, same bytes (a retry). */
  put(key: string, bytes: Uint8Array, call: Call): Promise<{ readonly observation: Observation }>;
  /**
   * The object, or the bytes `[start, start + length)` of it, cut at its end. Undefined if there is no such object.
   * A range that begins at or behind the end throws a `damaged` fault.
   */
  get(
    key: string,
    range: { readonly start: number; readonly length: number } | undefined,
    call: Call,
  ): Promise<Uint8Array | undefined>;
  /** In key order (UTF-8 bytes), behind `after`. */
  list(
    prefix: string,
    options: { readonly after?: string; readonly limit: number },
    call: Call,
  ): Promise<{ readonly objects: readonly ObjectInfo[]; readonly more: boolean }>;
  /** Objects that are not there count as deleted. */
  delete(keys: readonly string[], call: Call): Promise<void>;
}
