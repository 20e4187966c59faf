/**
 * How functions are bundled: one ES module with the AWS SDK inside, which loads faster than the SDK that comes with
 * the runtime. `module` before `main` matters: the CommonJS faces of some packages are many times larger.
 */
export const BUNDLE = {
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
} as const;
