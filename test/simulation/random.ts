import type { Random } from '../../lib/storage/random.ts';

/** Everything that is left to chance in a run comes from one of these; the same seed gives the same sequence. */
export interface SeededRandom extends Random {
  /** Uniform in 0 … 2^32 − 1. */
  word(): number;
  /** Uniform in 0 … below − 1. */
  integer(below: number): number;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** A generator of its own, so that one actor's use of chance does not shift another's. */
  fork(): SeededRandom;
}

const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** sfc32 (Chris Doty-Humphrey's small fast counting generator), 128 bits of state filled from `seed` by splitmix32. */
export function seededRandom(seed: number): SeededRandom {
  let filler = seed >>> 0;
  const fill = (): number => {
    filler = (filler + 0x9e3779b9) | 0;
    let mixed = filler ^ (filler >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  let a = fill();
  let b = fill();
  let c = fill();
  let counter = 1;

  const word = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) word();

  const next = (): number => word() / 4_294_967_296;
  const integer = (below: number): number => Math.floor(next() * below);
  return {
    word,
    next,
    integer,
    between: (from, to) => from + next() * (to - from),
    chance: (probability) => probability > 0 && next() < probability,
    pick: (choices) => {
      const chosen = choices[integer(choices.length)];
      if (chosen === undefined) throw new RangeError('nothing to pick from');
      return chosen;
    },
    fork: () => seededRandom(word()),
    id: () => letters(word, 16),
    uuid: () => uuidText(word),
  };
}

function letters(word: () => number, length: number): string {
  let text = '';
  let bits = 0;
  for (let i = 0; i < length; i++) {
    if (i % 5 === 0) bits = word();
    text += ID_ALPHABET.charAt(bits & 63);
    bits >>>= 6;
  }
  return text;
}

/** 128 bits in 22 characters: the last one carries two bits. */
function uuidText(word: () => number): string {
  return letters(word, 21) + ID_ALPHABET.charAt((word() & 3) << 4);
}
