/** Bytes that no compression or encoding leaves alone by luck; the same for the same count. */
export function noise(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) bytes[i] = (i * 197 + (i >> 8) * 31) & 0xff;
  return bytes;
}
