import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { readSettings, type Settings } from '../../../infra/settings.ts';

const settings = (context: Record<string, unknown>): Settings => readSettings((name) => context[name]);

describe('settings of a deployment', () => {
  it('needs none: one stack Millrace, signed requests, arm64', () => {
    expect(settings({})).toEqual({
      stackName: 'Millrace',
      props: { architecture: Architecture.ARM_64 },
    });
  });

  it('takes a token issuer and several audiences', () => {
    const { props } = settings({ auth: 'jwt', jwtIssuer: 'https://issuer.example', jwtAudience: 'a, b' });
    expect(props).toMatchObject({ jwtIssuer: 'https://issuer.example', jwtAudience: ['a', 'b'] });
  });

  it.each([
    [{ auth: 'none' }, 'auth: one of iam, jwt; got "none"'],
    [{ auth: 'jwt' }, 'auth=jwt needs'],
    [{ auth: 'jwt', jwtIssuer: 'issuer', jwtAudience: 'a' }, 'jwtIssuer: an https URL; got "issuer"'],
    [{ jwtIssuer: 'https://issuer.example' }, 'need -c auth=jwt'],
    [{ architecture: 'riscv' }, 'architecture: one of arm64, x86_64; got "riscv"'],
    [{ stackName: '9 lives' }, 'stackName: letters'],
    [{ logSampleRate: '2' }, 'logSampleRate: a number from 0 to 1; got "2"'],
    [{ logSampleRate: 'often' }, 'logSampleRate'],
  ])('refuses %j and says what may be said', (context, message) => {
    expect(() => settings(context)).toThrow(message);
  });
});
