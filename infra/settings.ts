import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { type PushSettings, readPushSettings } from '../lib/push/push-settings.ts';
import type { MillraceStackProps } from './millrace-stack.ts';
import { type RegionSettings, readRegions, regionsOf } from './regions.ts';

export interface Settings {
  /** CloudFormation's name of the stack, also its construct id. */
  readonly stackName: string;
  readonly props: MillraceStackProps;
}

/** A stack of the app. */
export interface StackSettings {
  /** What `cdk deploy` calls it. */
  readonly id: string;
  readonly props: MillraceStackProps;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  arm64: Architecture.ARM_64,
  x86_64: Architecture.X86_64,
};

/**
 * All stacks of the app. Without the setting `regions` it is one, of `readSettings`; with it there is one for each region
 * (see `readRegions`), with the same settings otherwise.
 */
export function readStacks(context: (name: string) => unknown): readonly StackSettings[] {
  const { stackName, props } = readSettings(context);
  const value = context('regions');
  if (value === undefined || value === '') return [{ id: stackName, props }];
  const settings = readRegions(value, stackName);
  const { push = [], ...common } = props;
  checkPush(push, settings.regions);
  return settings.regions.map((own) => ({
    id: idOf(own),
    props: {
      ...common,
      ...pushedIn(own, push),
      stackName: own.stackName,
      env: { region: own.region, ...(own.account === undefined ? {} : { account: own.account }) },
      regions: regionsOf(settings, own),
    },
  }));
}

/**
 * ⚑ The stack that may have been there before has number 0, and the id that it had without regions: CDK derives the ids of
 * event sources from it, and one under another id would be made before the old one is gone, which Lambda refuses.
 */
function idOf({ number, stackName, alias }: RegionSettings): string {
  return number === 0 ? stackName : `${stackName}-${alias}`;
}

const regionOfArn = ({ functionArn }: PushSettings): string => functionArn.split(':')[3] ?? '';

/** Functions are called from the stack of their own region. */
function pushedIn(own: RegionSettings, push: readonly PushSettings[]): Pick<MillraceStackProps, 'push'> {
  const here = push.filter((one) => regionOfArn(one) === own.region);
  return here.length === 0 ? {} : { push: here };
}

function checkPush(push: readonly PushSettings[], regions: readonly RegionSettings[]): void {
  for (const one of push) {
    if (regions.filter(({ region }) => region === regionOfArn(one)).length === 1) continue;
    throw new Error(`push: ${one.functionArn} has to be in a region with exactly one of the stacks`);
  }
}

/**
 * The settings of `cdk -c name=value`: `stackName` (Millrace), `auth` (iam | jwt), `jwtIssuer`, `jwtAudience` (comma
 * separated), `architecture` (arm64 | x86_64), `logSampleRate` (0 to 1, default 0.01), `planMinutes` (1 to 60, default
 * 5), `workersMax` (2 to 1,000, default 4), `alarmEmail`, `alarmTopicArn`, `push` (a JSON list, see `PushSettings`), `flowMinutes` (1 to 60,
 * default 5; only with `regions`).
 * Throws an error that names the setting and what it may be.
 */
export function readSettings(context: (name: string) => unknown): Settings {
  const text = (name: string): string | undefined => {
    const value = context(name);
    return value === undefined || value === '' ? undefined : String(value);
  };
  const stackName = text('stackName') ?? 'Millrace';
  if (!/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(stackName)) {
    throw new Error(`stackName: letters, digits and hyphens, a letter first; got "${stackName}"`);
  }
  const architecture = oneOf('architecture', text('architecture') ?? 'arm64', Object.keys(ARCHITECTURES));
  const logSampleRate = shareOf('logSampleRate', text('logSampleRate'));
  const planMinutes = wholeOf('planMinutes', text('planMinutes'), { min: 1, max: 60 });
  const workersMax = wholeOf('workersMax', text('workersMax'), { min: 2, max: 1_000 });
  const flowMinutes = wholeOf('flowMinutes', text('flowMinutes'), { min: 1, max: 60 });
  const push = readPushSettings(context('push') || []);
  return {
    stackName,
    props: {
      ...authorization(text),
      ...(push.length === 0 ? {} : { push }),
      ...(logSampleRate === undefined ? {} : { logSampleRate }),
      ...(planMinutes === undefined ? {} : { planMinutes }),
      ...(workersMax === undefined ? {} : { workersMax }),
      ...(flowMinutes === undefined ? {} : { flowMinutes }),
      ...alarmReceivers(text),
      architecture: ARCHITECTURES[architecture] ?? Architecture.ARM_64,
    },
  };
}

function authorization(
  text: (name: string) => string | undefined,
): Pick<MillraceStackProps, 'jwtIssuer' | 'jwtAudience'> {
  const auth = oneOf('auth', text('auth') ?? 'iam', ['iam', 'jwt']);
  const jwtIssuer = text('jwtIssuer');
  const jwtAudience = text('jwtAudience');
  if (auth === 'iam') {
    if (jwtIssuer !== undefined || jwtAudience !== undefined) {
      throw new Error('jwtIssuer and jwtAudience need -c auth=jwt');
    }
    return {};
  }
  if (jwtIssuer === undefined || jwtAudience === undefined) {
    throw new Error('auth=jwt needs -c jwtIssuer=<https URL> -c jwtAudience=<audience>[,<audience>…]');
  }
  if (!URL.canParse(jwtIssuer)) throw new Error(`jwtIssuer: an https URL; got "${jwtIssuer}"`);
  return { jwtIssuer, jwtAudience: jwtAudience.split(',').map((one) => one.trim()) };
}

function alarmReceivers(
  text: (name: string) => string | undefined,
): Pick<MillraceStackProps, 'alarmEmail' | 'alarmTopicArn'> {
  const alarmEmail = text('alarmEmail');
  const alarmTopicArn = text('alarmTopicArn');
  if (alarmEmail !== undefined && !/^[^@\s]+@[^@\s]+$/.test(alarmEmail)) {
    throw new Error(`alarmEmail: an e-mail address; got "${alarmEmail}"`);
  }
  if (alarmTopicArn !== undefined && !/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+$/.test(alarmTopicArn)) {
    throw new Error(`alarmTopicArn: the ARN of an SNS topic; got "${alarmTopicArn}"`);
  }
  return {
    ...(alarmEmail === undefined ? {} : { alarmEmail }),
    ...(alarmTopicArn === undefined ? {} : { alarmTopicArn }),
  };
}

function wholeOf(
  name: string,
  value: string | undefined,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= range.min && number <= range.max) return number;
  throw new Error(`${name}: a whole number from ${range.min} to ${range.max}; got "${value}"`);
}

function oneOf(name: string, value: string, allowed: readonly string[]): string {
  if (!allowed.includes(value)) throw new Error(`${name}: one of ${allowed.join(', ')}; got "${value}"`);
  return value;
}

function shareOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const share = Number(value);
  if (!(share >= 0 && share <= 1)) throw new Error(`${name}: a number from 0 to 1; got "${value}"`);
  return share;
}
