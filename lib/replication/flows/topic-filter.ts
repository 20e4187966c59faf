import { MillraceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';

export interface NameFilter {
  /** RE2 patterns, one of which must match the whole name. */
  readonly include: readonly string[];
  /** None of these may. */
  readonly exclude: readonly string[];
}

/** Takes in every name. */
export const EVERYTHING = '.*';

const PATTERNS_MAX = 1_000;
/** Of all patterns of a flow together: they stand in its item. */
const PATTERN_CHARS_MAX = 50_000;

/** INVALID_REQUEST: too many patterns, or too long ones. */
export function checkPatterns(patterns: readonly string[]): void {
  if (patterns.length > PATTERNS_MAX || patterns.join('').length > PATTERN_CHARS_MAX) {
    const message = `A flow has at most ${PATTERNS_MAX} patterns of at most ${PATTERN_CHARS_MAX} characters together`;
    throw new MillraceError('INVALID_REQUEST', message);
  }
  const { subscriptionRegexCharsMax: charsMax } = LIMITS;
  if (patterns.some((text) => text === '' || text.length > charsMax || !text.isWellFormed())) {
    const message = `A pattern has 1 to ${charsMax} characters of well-formed text`;
    throw new MillraceError('INVALID_REQUEST', message);
  }
}

/**
 * Which names a filter lets through. Patterns are RE2's, matched in time linear in the name; what understands them is
 * loaded only where there are any. INVALID_REQUEST: a pattern that is none.
 */
export async function nameFilter({ include, exclude }: NameFilter): Promise<(name: string) => boolean> {
  const takesAll = include.includes(EVERYTHING);
  const included = takesAll ? [] : await Promise.all(include.map(compiled));
  const excluded = await Promise.all(exclude.map(compiled));
  return (name) =>
    (takesAll || included.some((matches) => matches(name))) && !excluded.some((matches) => matches(name));
}

async function compiled(text: string): Promise<(name: string) => boolean> {
  const { RE2JS, RE2JSException } = await import('re2js');
  try {
    const expression = RE2JS.compile(text);
    return (name) => expression.matches(name);
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    throw new MillraceError('INVALID_REQUEST', `The pattern '${text}' is invalid: ${cause.message}`, {
      cause,
    });
  }
}
