/** Bytes that are put together piece by piece in one stretch of memory. */
export interface GrowingBytes {
  readonly length: number;
  append(bytes: Uint8Array): void;
  /** A view of what has been appended so far. */
  view(): Uint8Array;
}

/**
 * `bytesExpected` is set aside at once: the system hands out the memory page by page as it is written to, so a generous
 * guess costs nothing, while outgrowing it costs a copy.
 */
export function growingBytes(bytesExpected: number): GrowingBytes {
  let store = new Uint8Array(Math.max(1, Math.ceil(bytesExpected)));
  let length = 0;
  return {
    get length() {
      return length;
    },
    append(bytes) {
      if (length + bytes.length > store.length) {
        const larger = new Uint8Array(Math.max(length + bytes.length, store.length + (store.length >> 1)));
        larger.set(store.subarray(0, length));
        store = larger;
      }
      store.set(bytes, length);
      length += bytes.length;
    },
    view: () => store.subarray(0, length),
  };
}
