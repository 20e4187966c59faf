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

  it('takes how often maintenance is planned, by how many it is done, and who hears of alarms', () => {
    const alarmTopicArn = 'arn:aws:sns:eu-west-1:123456789012:on-call';
    const alarmEmail = 'on-call@example.com';
    const { props } = settings({ planMinutes: '1', workersMax: 20, alarmEmail, alarmTopicArn });
    expect(props).toMatchObject({ planMinutes: 1, workersMax: 20, alarmEmail, alarmTopicArn });
  });

  it.each([
    [{ planMinutes: '0' }, 'planMinutes: a whole number from 1 to 60; got "0"'],
    [{ planMinutes: '1.5' }, 'planMinutes'],
    [{ workersMax: '1' }, 'workersMax: a whole number from 2 to 1000; got "1"'],
    [{ alarmEmail: 'nobody' }, 'alarmEmail: an e-mail address; got "nobody"'],
    [{ alarmTopicArn: 'on-call' }, 'alarmTopicArn: the ARN of an SNS topic; got "on-call"'],
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
