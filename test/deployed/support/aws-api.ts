import { type Client, type Credentials, httpClient, sigV4 } from './http-client.ts';

/** The few calls to IAM, STS and Lambda that the tests make, as plain signed requests. */
export interface AwsApi {
  /** Answers the ARN of the role that a function runs under. */
  readonly roleArnOf: (functionName: string) => Promise<string>;
  /** Credentials of a role; first lets the account itself take the role, which its permissions know nothing of. */
  readonly assume: (roleArn: string) => Promise<Credentials>;
  /** From now on nobody may do anything under this role, until it is `allow`ed again. */
  readonly deny: (roleName: string) => Promise<void>;
  readonly allow: (roleName: string) => Promise<void>;
  /** A user of its own with this inline policy, if any. */
  readonly createUser: (name: string, policy?: object) => Promise<Credentials>;
  readonly setTimeoutSeconds: (functionName: string, seconds: number) => Promise<void>;
  /** Sets variables of a function besides those that it has, which ends its processes; undefined: takes them away. */
  readonly setVariables: (
    functionName: string,
    variables: Readonly<Record<string, string | undefined>>,
  ) => Promise<void>;
  /** At most so many calls of a function at a time: 0 refuses all of them, undefined is as many as there are. */
  readonly limitCalls: (functionName: string, calls: number | undefined) => Promise<void>;
  /** A function of a user's: Node, `index.handler`, with a role that may do nothing. */
  readonly createFunction: (
    name: string,
    code: { readonly zip: Buffer; readonly environment: Readonly<Record<string, string>> },
  ) => Promise<void>;
  /** Runs a function and waits for its answer, parsed. Throws if the function failed. */
  readonly invoke: (functionName: string, event: unknown) => Promise<unknown>;
}

export interface AwsApiOptions {
  readonly endpoint: string;
  readonly ca: string;
  readonly credentials: Credentials;
  /** @default us-east-1 */
  readonly region?: string;
}

const LAMBDA = '/2015-03-31/functions';

export function awsApi({ endpoint, ca, credentials, region = 'us-east-1' }: AwsApiOptions): AwsApi {
  const clientOf = (service: string): Client =>
    httpClient({ url: endpoint, ca, authorize: sigV4(credentials, { service, region }) });
  const iam = queryApi(clientOf('iam'), '2010-05-08');
  const sts = queryApi(clientOf('sts'), '2011-06-15');
  const lambda = jsonApi(clientOf('lambda'));

  return {
    roleArnOf: async (functionName) => {
      const { Role: role } = await lambda('GET', `${LAMBDA}/${functionName}/configuration`);
      return String(role);
    },
    assume: async (roleArn) => {
      const trust = (principal: object): object => ({
        Effect: 'Allow',
        Principal: principal,
        Action: 'sts:AssumeRole',
      });
      const account = roleArn.split(':')[4] ?? '';
      await iam('UpdateAssumeRolePolicy', {
        RoleName: roleArn.split('/').at(-1) ?? '',
        PolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            trust({ Service: 'lambda.amazonaws.com' }),
            trust({ AWS: `arn:aws:iam::${account}:root` }),
          ],
        }),
      });
      const answer = await sts('AssumeRole', { RoleArn: roleArn, RoleSessionName: 'probe' });
      return { ...credentialsIn(answer), sessionToken: element(answer, 'SessionToken') };
    },
    deny: async (RoleName) => {
      const Statement = [{ Effect: 'Deny', Action: '*', Resource: '*' }];
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
      await iam('PutRolePolicy', { RoleName, PolicyName: 'cut-off', PolicyDocument });
    },
    allow: async (RoleName) => {
      await iam('DeleteRolePolicy', { RoleName, PolicyName: 'cut-off' });
    },
    createUser: async (name, policy) => {
      await iam('CreateUser', { UserName: name });
      if (policy !== undefined) {
        const PolicyDocument = JSON.stringify(policy);
        await iam('PutUserPolicy', { UserName: name, PolicyName: 'probe', PolicyDocument });
      }
      return credentialsIn(await iam('CreateAccessKey', { UserName: name }));
    },
    setTimeoutSeconds: async (functionName, seconds) => {
      await lambda('PUT', `${LAMBDA}/${functionName}/configuration`, { Timeout: seconds });
    },
    setVariables: async (functionName, variables) => {
      const path = `${LAMBDA}/${functionName}/configuration`;
      const { Environment: before } = await lambda('GET', path);
      const { Variables } = before as { readonly Variables: Readonly<Record<string, string>> };
      // What is undefined is left out of the JSON.
      await lambda('PUT', path, { Environment: { Variables: { ...Variables, ...variables } } });
    },
    limitCalls: async (functionName, calls) => {
      const path = `/2017-10-31/functions/${functionName}/concurrency`;
      if (calls === undefined) await lambda('DELETE', path);
      else await lambda('PUT', path, { ReservedConcurrentExecutions: calls });
    },
    createFunction: async (name, { zip, environment }) => {
      const answer = await iam('CreateRole', {
        RoleName: `${name}-role`,
        AssumeRolePolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        }),
      });
      await lambda('POST', LAMBDA, {
        FunctionName: name,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: element(answer, 'Arn'),
        Code: { ZipFile: zip.toString('base64') },
        Environment: { Variables: environment },
        Timeout: 10,
      });
    },
    invoke: (functionName, event) => lambda('POST', `${LAMBDA}/${functionName}/invocations`, event),
  };
}

/** AWS's older protocol: a form goes out, XML comes back. */
function queryApi(
  client: Client,
  version: string,
): (action: string, parameters: Record<string, string>) => Promise<string> {
  return async (action, parameters) => {
    const response = await client({
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ Action: action, Version: version, ...parameters }).toString(),
    });
    if (response.status !== 200) throw new Error(`${action}: ${response.status} ${response.body}`);
    return response.body.toString('utf8');
  };
}

function jsonApi(
  client: Client,
): (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>> {
  return async (method, path, body) => {
    const response = await client({ method, path, body });
    const failed = response.headers['x-amz-function-error'] !== undefined;
    if (response.status >= 300 || failed) throw new Error(`${path}: ${response.status} ${response.body}`);
    return (response.body.length === 0 ? {} : response.json()) as Record<string, unknown>;
  };
}

function credentialsIn(xml: string): Credentials {
  return { accessKeyId: element(xml, 'AccessKeyId'), secretAccessKey: element(xml, 'SecretAccessKey') };
}

function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new Error(`no <${name}> in ${xml}`);
  return text;
}
