import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { JWK } from 'jose';
import { inject } from 'vitest';
import { type AwsApi, awsApi } from './aws-api.ts';
import type { Credentials } from './http-client.ts';

export interface Stack {
  readonly outputs: Readonly<Record<string, string>>;
  /** The API's URL without a trailing slash. */
  readonly url: string;
}

/** What the global setup has made, once for all files; plain data, because it crosses processes. */
export interface Deployment {
  readonly endpoint: string;
  readonly region: string;
  readonly caFile: string;
  /** The stack with IAM authorization. */
  readonly stack: Stack;
  /** The stack with token authorization, and the keys of its issuer. */
  readonly jwt: {
    readonly stack: Stack;
    readonly issuer: string;
    readonly audience: string;
    readonly keyId: string;
    readonly privateKey: JWK;
    readonly publicKey: JWK;
  };
}

declare module 'vitest' {
  interface ProvidedContext {
    deployment: Deployment;
  }
}

/** The account's own key: the emulator checks neither its secret nor its permissions. */
export const ROOT: Credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** What the stack pushes; a test makes the function and the topic. */
export const PUSHED = {
  group: 'pushed to a function',
  topics: ['pushed'],
  functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:push-target',
  batchSize: 25,
  maxRetries: 2,
} as const;

export interface Deployed extends Deployment {
  readonly ca: string;
  readonly aws: AwsApi;
  /** For SDK clients, all but the credentials. */
  readonly sdkConfig: {
    readonly endpoint: string;
    readonly region: string;
    readonly requestHandler: NodeHttpHandler;
    readonly forcePathStyle: true;
  };
}

export function deployed(): Deployed {
  const deployment = inject('deployment');
  const { endpoint, region, caFile } = deployment;
  const ca = readFileSync(caFile, 'utf8');
  return {
    ...deployment,
    ca,
    aws: awsApi({ endpoint, ca, credentials: ROOT }),
    sdkConfig: {
      endpoint,
      region,
      requestHandler: new NodeHttpHandler({ httpsAgent: new Agent({ ca, keepAlive: true }) }),
      forcePathStyle: true,
    },
  };
}
