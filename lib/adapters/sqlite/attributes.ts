import { StorageFault } from '../../storage/fault.ts';
import type { AttributeValue } from '../../storage/table.ts';
import { isList, utf8Bytes } from '../../storage/units.ts';

/**
 * How an item's attributes lie in a row. The largest binary attribute stands alone in the column `body`, so that it is
 * neither copied nor looked at; everything else is one byte string in the column `meta`:
 *
 *     01                          format
 *     count, then for each attribute: name (length, UTF-8), value
 *
 * A value is one byte for its kind and then: a length and bytes (text, binary), a varint (whole number from 0), eight
 * bytes little-endian (any other number), a count and values (list), a count and names with values (map), or nothing
 * (null, false, true, the binary that is in `body`). Lengths and counts are varints: seven bits a byte, lowest first.
 */
const META_FORMAT = 1;
/** Smaller ones are not worth a column. */
const BODY_BYTES_MIN = 256;

const NULL = 0;
const FALSE = 1;
const TRUE = 2;
const WHOLE = 3;
const DOUBLE = 4;
const TEXT = 5;
const BINARY = 6;
const LIST = 7;
const MAP = 8;
const BODY = 9;

export interface AttributeColumns {
  readonly meta: Uint8Array;
  readonly body: Uint8Array | null;
}

type Attributes = { readonly [name: string]: AttributeValue };

/** Writes attributes as columns. The body is the caller's own bytes, not a copy. */
export function attributesWriter(): (attributes: Attributes) => AttributeColumns {
  let scratch = Buffer.allocUnsafeSlow(4_096);
  let at = 0;
  let body: Uint8Array | null = null;

  const room = (bytes: number): void => {
    if (at + bytes <= scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * scratch.length, at + bytes));
    scratch.copy(larger, 0, 0, at);
    scratch = larger;
  };

  const kind = (code: number): void => {
    room(1);
    scratch[at++] = code;
  };

  const varint = (value: number): void => {
    room(8);
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) scratch[at++] = (rest % 128) | 0x80;
    scratch[at++] = rest;
  };

  const text = (value: string): void => {
    const bytes = utf8Bytes(value);
    varint(bytes);
    room(bytes);
    at += scratch.write(value, at, 'utf8');
  };

  const binary = (value: Uint8Array): void => {
    if (value === body) {
      kind(BODY);
      return;
    }
    kind(BINARY);
    varint(value.byteLength);
    room(value.byteLength);
    scratch.set(value, at);
    at += value.byteLength;
  };

  const number = (value: number): void => {
    if (Number.isSafeInteger(value) && value >= 0) {
      kind(WHOLE);
      varint(value);
      return;
    }
    kind(DOUBLE);
    room(8);
    at = scratch.writeDoubleLE(value, at);
  };

  const composite = (value: readonly AttributeValue[] | Attributes): void => {
    if (isList(value)) {
      kind(LIST);
      varint(value.length);
      for (const element of value) write(element);
      return;
    }
    kind(MAP);
    members(value);
  };

  const members = (attributes: Attributes): void => {
    const entries = Object.entries(attributes);
    varint(entries.length);
    for (const [name, value] of entries) {
      text(name);
      write(value);
    }
  };

  const write = (value: AttributeValue): void => {
    if (typeof value === 'number') {
      number(value);
    } else if (typeof value === 'string') {
      kind(TEXT);
      text(value);
    } else if (value instanceof Uint8Array) {
      binary(value);
    } else if (typeof value === 'object' && value !== null) {
      composite(value);
    } else {
      kind(simpleKind(value));
    }
  };

  return (attributes) => {
    at = 0;
    body = largestBinary(attributes);
    kind(META_FORMAT);
    members(attributes);
    const columns = { meta: new Uint8Array(scratch.subarray(0, at)), body };
    body = null;
    return columns;
  };
}

function simpleKind(value: boolean | null): number {
  if (value === null) return NULL;
  return value ? TRUE : FALSE;
}

function largestBinary(attributes: Attributes): Uint8Array | null {
  let largest: Uint8Array | null = null;
  for (const name in attributes) {
    const value = attributes[name];
    if (value instanceof Uint8Array && value.byteLength > (largest?.byteLength ?? BODY_BYTES_MIN - 1)) {
      largest = value;
    }
  }
  return largest;
}

/** Throws a `damaged` fault if the columns cannot be what `attributesWriter` made. */
export function readAttributes({ meta, body }: AttributeColumns): Attributes {
  const bytes = Buffer.from(meta.buffer, meta.byteOffset, meta.byteLength);
  let at = 0;

  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw damaged('ends too early');
    return value;
  };

  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const next = byte();
      value += (next & 0x7f) * scale;
      if (next < 0x80) return value;
      if (!Number.isSafeInteger(value)) throw damaged('holds an endless number');
    }
  };

  /** Where `length` bytes begin. */
  const take = (length: number): number => {
    if (length > bytes.length - at) throw damaged('ends too early');
    at += length;
    return at - length;
  };

  const text = (): string => {
    const length = varint();
    const from = take(length);
    return bytes.toString('utf8', from, from + length);
  };

  const binary = (): Uint8Array => {
    const length = varint();
    const from = take(length);
    return meta.slice(from, from + length);
  };

  const list = (): AttributeValue[] => {
    const values: AttributeValue[] = [];
    for (let rest = varint(); rest > 0; rest -= 1) values.push(read());
    return values;
  };

  const members = (): Attributes => {
    const attributes: Record<string, AttributeValue> = {};
    for (let rest = varint(); rest > 0; rest -= 1) {
      const name = text();
      attributes[name] = read();
    }
    return attributes;
  };

  const read = (): AttributeValue => {
    const code = byte();
    switch (code) {
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case WHOLE:
        return varint();
      case DOUBLE:
        return bytes.readDoubleLE(take(8));
      case TEXT:
        return text();
      case BINARY:
        return binary();
      case LIST:
        return list();
      case MAP:
        return members();
      case BODY:
        if (body !== null) return body;
        throw damaged('has lost its body');
      default:
        throw damaged(`holds a value of unknown kind ${code}`);
    }
  };

  const format = byte();
  if (format > META_FORMAT) {
    throw new StorageFault('refused', `a row has format ${format}; this version reads up to ${META_FORMAT}`);
  }
  const attributes = members();
  if (at !== bytes.length) throw damaged('goes on behind its end');
  return attributes;
}

function damaged(what: string): StorageFault {
  return new StorageFault('damaged', `the stored form of an item ${what}`);
}
