import { parseJson } from './json-body.ts';

export type StreamedValue =
  | { readonly kind: 'value'; readonly value: unknown }
  /** What follows cannot be told apart any more: the stream ends here. */
  | { readonly kind: 'broken'; readonly message: string };

const NOT_SPACE = /\S/g;

/**
 * The JSON objects that stand one behind another in `text`, with or without white space between them. Anything that
 * is no object breaks the stream.
 */
export function* streamedObjects(text: string): Generator<StreamedValue, void, undefined> {
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const end = objectEnd(text, at);
    if (end === undefined) {
      yield { kind: 'broken', message: `The JSON object at character ${at} does not end or is none` };
      return;
    }
    const parsed = parseOne(text.slice(at, end));
    yield parsed;
    if (parsed.kind === 'broken') return;
    at = skipSpace(text, end);
  }
}

function parseOne(text: string): StreamedValue {
  try {
    return { kind: 'value', value: parseJson(text) };
  } catch (error) {
    return { kind: 'broken', message: (error as Error).message };
  }
}

function skipSpace(text: string, from: number): number {
  NOT_SPACE.lastIndex = from;
  const found = NOT_SPACE.exec(text);
  return found === null ? text.length : found.index;
}

const STRUCTURE = /["{}]/g;

/** The place behind the brace that closes the one at `start`; undefined if there is none. */
function objectEnd(text: string, start: number): number | undefined {
  if (text[start] !== '{') return undefined;
  let depth = 0;
  STRUCTURE.lastIndex = start;
  for (let found = STRUCTURE.exec(text); found !== null; found = STRUCTURE.exec(text)) {
    const at = found.index;
    if (found[0] === '"') {
      const closed = stringEnd(text, at + 1);
      if (closed === undefined) return undefined;
      STRUCTURE.lastIndex = closed;
    } else {
      depth += found[0] === '{' ? 1 : -1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

/** The place behind the quote that closes a string whose first character is at `start`. */
function stringEnd(text: string, start: number): number | undefined {
  let quote = text.indexOf('"', start);
  while (quote !== -1) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return undefined;
}
