import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openApi } from '../../../ops/region/api.ts';

let requests: IncomingMessage[];
let bodies: string[];
let url: string;
let close: () => void;
/** Answers still to be given; then 200. */
let answers: number[];

beforeEach(async () => {
  requests = [];
  bodies = [];
  answers = [];
  const server = createServer((request, response) => {
    const at = requests.push(request) - 1;
    bodies[at] = '';
    request.on('data', (bytes: Buffer) => {
      bodies[at] += bytes.toString();
    });
    response.writeHead(answers.shift() ?? 200, { 'content-type': 'application/json' });
    response.end(request.url === '/v3/clusters' ? '{"data":[{"cluster_id":"C"}]}' : '{"message":"m"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  close = () => server.close();
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});
afterEach(() => {
  vi.unstubAllEnvs();
  close();
});

describe('asking a region', () => {
  it('goes to its cluster, unsigned where nothing says otherwise', async () => {
    await openApi(url, {}).v3('POST', '/region:freeze');
    expect(requests.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      'GET /v3/clusters',
      'POST /v3/clusters/C/region:freeze',
    ]);
    expect(requests[1]?.headers.authorization).toBeUndefined();
  });

  it('sends a token', async () => {
    await openApi(`${url}/`, { token: 'T' }).get('/topics');
    expect(requests[0]?.headers.authorization).toBe('Bearer T');
  });

  it('is signed for API Gateway, with the credentials that AWS’s tools find', async () => {
    await openApi(url, { signedRegion: 'eu-central-1' }).get('/topics?a=b');
    expect(requests[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/execute-api\/aws4_request, SignedHeaders=host;/,
    );
    expect(requests[0]?.headers).toHaveProperty('x-amz-date');
  });

  it('sends what is to be made as JSON, which is signed with it', async () => {
    const body = { source_region: 'west' };
    await openApi(url, { signedRegion: 'eu-central-1' }).v3('POST', '/flows', body);
    const { authorization, ...headers } = requests[1]?.headers ?? {};
    expect(authorization).toContain('SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date');
    const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-amz-content-sha256': hash });
    await vi.waitFor(() => expect(bodies[1]).toBe(JSON.stringify(body)));
  });

  it('is tried again where the answer may change, and not where it will not', async () => {
    answers = [503, 500];
    await openApi(url, {}).get('/topics');
    expect(requests).toHaveLength(3);
    answers = [404];
    await expect(openApi(url, {}).get('/topics')).rejects.toThrow('404 m');
    expect(requests).toHaveLength(4);
  });
});
