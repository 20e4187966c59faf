import { isUtf8 } from 'node:buffer';
import { HttpError, unprocessable } from './http-error.ts';
import { parseJson } from './json-body.ts';
import type { EmbeddedFormat } from './media-type.ts';

/** Keys and values between JSON bodies and the bytes of a record. Null is null in every format. */
const badData = (message: string): HttpError =>
  new HttpError({ status: 400, kafkaError: 'INVALID_RECORD' }, message);

const NOT_BASE64 = /[^A-Za-z0-9+/=]/;

/** RFC 4648 §4 with padding; Node's own decoder skips what it does not know. */
export function decodeBase64(text: string, place: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.from(text, 'base64');
  const good =
    text.length % 4 === 0 && bytes.length === (text.length / 4) * 3 - padding && !NOT_BASE64.test(text);
  if (!good) throw badData(`${place} is not valid base64`);
  return bytes;
}

function encodeText(value: unknown, place: string): Uint8Array {
  if (typeof value !== 'string') throw unprocessable(`${place} must be a string`, 'INVALID_RECORD');
  // An unpaired surrogate has no UTF-8 form; it would come back as another string.
  if (!value.isWellFormed()) throw unprocessable(`${place} is not valid Unicode`, 'INVALID_RECORD');
  return Buffer.from(value);
}

function encodeJson(value: unknown, place: string): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch (error) {
    if (error instanceof RangeError) throw unprocessable(`${place} is nested too deeply`, 'INVALID_RECORD');
    throw error;
  }
}

function encodeBinary(value: unknown, place: string): Uint8Array {
  if (typeof value !== 'string')
    throw unprocessable(
      `${place} must be a string of base64; to send JSON, name it: Content-Type: application/vnd.kafka.json.v2+json`,
      'INVALID_RECORD',
    );
  return decodeBase64(value, place);
}

const ENCODERS: Readonly<Record<EmbeddedFormat, (value: unknown, place: string) => Uint8Array>> = {
  binary: encodeBinary,
  json: encodeJson,
  text: encodeText,
};

/** The bytes of a key or value. 400 for bad base64, 422 for anything else that does not fit the format. */
export function encodeEmbedded(format: EmbeddedFormat, value: unknown, place: string): Uint8Array | null {
  return value === null || value === undefined ? null : ENCODERS[format](value, place);
}

const undecodable = (format: EmbeddedFormat, place: string): HttpError =>
  new HttpError(
    { status: 408, restCode: 40801, kafkaError: 'INVALID_RECORD' },
    `${place} is not ${format}; read it as application/vnd.kafka.binary.v2+json`,
  );

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Stored JSON goes out as it came in, once it is known to be JSON: no number loses digits on the way. */
function checkedJson(bytes: Uint8Array, place: string): string {
  const text = isUtf8(bytes) ? asBuffer(bytes).toString() : '';
  try {
    parseJson(text);
  } catch {
    throw undecodable('json', place);
  }
  return text;
}

/** A key or value as JSON text. 408 with code 40801 if the stored bytes are not of that format. */
export function decodeEmbedded(format: EmbeddedFormat, bytes: Uint8Array | null, place: string): string {
  if (bytes === null) return 'null';
  switch (format) {
    case 'binary':
      return `"${asBuffer(bytes).toString('base64')}"`;
    case 'text':
      if (!isUtf8(bytes)) throw undecodable('text', place);
      return JSON.stringify(asBuffer(bytes).toString());
    case 'json':
      return checkedJson(bytes, place);
  }
}
