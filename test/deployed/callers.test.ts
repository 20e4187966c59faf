import { describe, expect, it } from 'vitest';
import { deployed } from './support/deployed.ts';
import { type Client, type Credentials, httpClient, sigV4 } from './support/http-client.ts';

const { aws, ca, stack } = deployed();

const clientOf = (credentials?: Credentials): Client =>
  httpClient({
    url: stack.url,
    ca,
    ...(credentials === undefined ? {} : { authorize: sigV4(credentials) }),
  });

const invoke = (resource: string): object => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource: resource }],
});

const everyRoute = [
  { method: 'GET', path: '/v3/clusters' },
  { method: 'GET', path: '/openapi.json' },
  { method: 'GET', path: '/nowhere' },
  { method: 'POST', path: '/topics/callers', body: { records: [{ value: 1 }] } },
  { method: 'GET', path: '/topics/callers/partitions/0/records?offset=0&timeout=0&max_bytes=1000' },
  { method: 'DELETE', path: '/v3/clusters/any/topics/callers' },
] as const;

describe('callers with IAM authorization', () => {
  it.each(everyRoute)('are refused without a signature: $method $path', async (request) => {
    expect((await clientOf()(request)).status).toBe(403);
  });

  it('are refused with a key that nobody gave out', async () => {
    const foreign = clientOf({ accessKeyId: 'AKIAZZZZZZZZZZZZZZZZ', secretAccessKey: 'made up' });
    for (const request of everyRoute) expect((await foreign(request)).status).toBe(403);
  });

  it('are refused with a signature that does not fit the key', async () => {
    const user = await aws.createUser('forged', invoke('*'));
    const forger = clientOf({ ...user, secretAccessKey: 'not the one' });
    for (const request of everyRoute) expect((await forger(request)).status).toBe(403);
  });

  it('are refused without the permission to invoke', async () => {
    const stranger = clientOf(await aws.createUser('stranger'));
    for (const request of everyRoute) expect((await stranger(request)).status).toBe(403);
  });

  it('are refused with a permission for another API', async () => {
    const neighbour = clientOf(
      await aws.createUser('neighbour', invoke('arn:aws:execute-api:us-east-1:000000000000:another/*')),
    );
    for (const request of everyRoute) expect((await neighbour(request)).status).toBe(403);
  });

  it('are served with a signature and the permission', async () => {
    const allowed = `arn:aws:execute-api:us-east-1:000000000000:${stack.outputs.ApiId}/*`;
    const user = clientOf(await aws.createUser('allowed', invoke(allowed)));
    expect((await user({ method: 'GET', path: '/v3/clusters' })).status).toBe(200);
  });
});
