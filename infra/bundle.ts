/**
 * How functions are bundled: one ES module with the AWS SDK inside, which loads faster than the SDK that comes with
 * the runtime. `module` before `main` matters: the CommonJS faces of some packages are many times larger.
 *
 * The SDK loads the ways to find credentials when it needs them. A function has them in its environment, which is looked at
 * first, or from an endpoint that it names; what looks into a person's files stays outside (90 KB).
 */
export const BUNDLE = {
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
  external: [
    '@aws-sdk/credential-provider-ini',
    '@aws-sdk/credential-provider-process',
    '@aws-sdk/credential-provider-sso',
    '@aws-sdk/credential-provider-web-identity',
  ],
} as const;
