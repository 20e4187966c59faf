export type Fields = Readonly<Record<string, unknown>>;

/** The members of an object. Throws if it is none, or has others than `names`. */
export function fieldsOf(value: unknown, at: string, names: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${at}: an object`);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown === undefined) return value as Fields;
  throw new Error(`${at}.${unknown}: there is no such setting; there are ${names.join(', ')}`);
}

export function arrayOf(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${at}: a list`);
}
