/** The options with what they leave out. One that is given as undefined is left out, too. */
export function withDefaults<Options extends object, Defaults extends object>(
  defaults: Defaults,
  options: Options,
): Options & Defaults {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(given) as Options) };
}
