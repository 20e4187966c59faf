/** `x-amz-date` in milliseconds since 1970. */
export function signedMsOf(headers: Readonly<Record<string, unknown>>): number {
  const text = String(headers['x-amz-date']);
  return Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
