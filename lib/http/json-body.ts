import { isUtf8 } from 'node:buffer';
import type * as z from 'zod/mini';
import { badRequest, HttpError, unprocessable } from './http-error.ts';
import type { Schema } from './schemas/common.ts';

const CHARSETS: Readonly<Record<string, 'utf8' | 'latin1'>> = {
  'utf-8': 'utf8',
  utf8: 'utf8',
  'us-ascii': 'utf8',
  'iso-8859-1': 'latin1',
};

/** 400 for bytes that are not what the charset says, or a charset that is neither UTF-8 nor ISO-8859-1. */
export function decodeText(body: Uint8Array, charset: string | undefined): string {
  const encoding = charset === undefined ? 'utf8' : CHARSETS[charset];
  if (encoding === undefined) throw badRequest(`The charset ${charset} is not supported`);
  if (encoding === 'utf8' && !isUtf8(body)) throw badRequest('The body is not valid UTF-8');
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString(encoding);
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Digits enough, or an exponent: what a double might not give back as it came. */
const DOUBTFUL_NUMBER = /[\d.]{16}|\d[eE][-+]?\d/;

interface ReviverContext {
  readonly source?: string;
}
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver?: (key: string, value: unknown, context: ReviverContext) => unknown): unknown;
  rawJSON(text: string): unknown;
};

/** Keeps the digits of a number that a double cannot hold: it is written back as it was read. */
const keepDigits = (_key: string, value: unknown, { source }: ReviverContext): unknown =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;

/** `JSON.parse` that alters no number. Throws SyntaxError, or RangeError for nesting without end. */
export function parseJson(text: string): unknown {
  return DOUBTFUL_NUMBER.test(text) ? parse(text, keepDigits) : parse(text);
}

/** The body as JSON. 400 if it is not. */
export function readJson(body: Uint8Array, charset: string | undefined): unknown {
  const text = decodeText(body, charset);
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RangeError) throw unprocessable('The body is nested too deeply');
    throw badRequest(`The body is not valid JSON: ${(error as Error).message}`);
  }
}

type Issue = z.core.$ZodIssue;

const where = (issue: Issue): string =>
  issue.path.length === 0 ? 'the body' : issue.path.map(String).join('.');

/** What is wrong, in words: zod/mini carries no texts of its own. */
function describe(issue: Issue): string {
  const place = where(issue);
  switch (issue.code) {
    case 'unrecognized_keys':
      return `${place} has members that are not known here: ${issue.keys.join(', ')}`;
    case 'invalid_type':
      return `${place} must be ${issue.expected}`;
    case 'too_small':
      return `${place} must be at least ${issue.minimum}${issue.origin === 'array' ? ' long' : ''}`;
    case 'too_big':
      return `${place} must be at most ${issue.maximum}${issue.origin === 'array' ? ' long' : ''}`;
    case 'invalid_value':
      return `${place} must be one of ${issue.values.join(', ')}`;
    default:
      return `${place} is not valid`;
  }
}

/** 422 with every complaint, at most five, unless `value` fits. `restCode` defaults to 422. */
export function checkShape<T>(schema: Schema<T>, value: unknown, restCode = 422): T {
  const result = schema().safeParse(value);
  if (result.success) return result.data;
  throw new HttpError({ status: 422, restCode }, describeIssues(result.error.issues));
}

export function describeIssues(issues: readonly Issue[]): string {
  const complaints = issues.slice(0, 5).map(describe);
  if (issues.length > 5) complaints.push(`and ${issues.length - 5} more`);
  return complaints.join('; ');
}
