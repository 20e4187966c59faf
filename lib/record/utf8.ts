/**
 * Header names as UTF-8. They are short and nearly always ASCII, where a loop is several times faster than a call to
 * the engine's encoder; anything else goes there.
 */
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const LOOP_CHARS_MAX = 32;

export function utf8Bytes(text: string): number {
  return isShortAscii(text) ? text.length : Buffer.byteLength(text, 'utf8');
}

/** Writes `text`, which takes `length` bytes, and returns the place after it. */
export function writeUtf8(out: Uint8Array, at: number, text: string, length: number): number {
  const end = at + length;
  if (length === text.length && length <= LOOP_CHARS_MAX) {
    for (let index = 0; index < length; index++) out[at + index] = text.charCodeAt(index);
  } else {
    encoder.encodeInto(text, out.subarray(at, end));
  }
  return end;
}

/** Bytes that are not UTF-8 come back as replacement characters. */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > LOOP_CHARS_MAX) return decoder.decode(bytes.subarray(start, end));
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

function isShortAscii(text: string): boolean {
  if (text.length > LOOP_CHARS_MAX) return false;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}
