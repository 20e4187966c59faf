import { gzipSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { requestOf, resultOf, withPlainBody } from '../../../functions/http-event.ts';
import { httpEvent } from './http-event-fixture.ts';

describe('an HTTP API event', () => {
  it('becomes a request: method, path, query as it was sent, headers in lower case', () => {
    const request = requestOf(
      httpEvent({
        method: 'get',
        path: '/topics/t/partitions/0/records',
        query: 'offset=0&offset=1&x=%20',
        headers: { Accept: 'application/json', 'X-Twice': 'a,b' },
      }),
    );
    expect(request).toMatchObject({
      method: 'GET',
      path: '/topics/t/partitions/0/records',
      query: 'offset=0&offset=1&x=%20',
      headers: { accept: 'application/json', 'x-twice': 'a,b' },
      baseUrl: 'https://api.example',
    });
    expect(request.body).toHaveLength(0);
  });

  it.each([
    ['text', { body: '{"a":"ä"}', isBase64Encoded: false }],
    ['base64', { body: Buffer.from('{"a":"ä"}').toString('base64'), isBase64Encoded: true }],
  ])('has a body of %s', (_, body) => {
    expect(Buffer.from(requestOf(httpEvent(body)).body).toString()).toBe('{"a":"ä"}');
  });

  it('has a body of any bytes', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const event = httpEvent({ body: Buffer.from(bytes).toString('base64'), isBase64Encoded: true });
    expect(new Uint8Array(requestOf(event).body)).toEqual(bytes);
  });

  const encoded = (bytes: Uint8Array, encoding: string): ReturnType<typeof withPlainBody> => {
    const body = Buffer.from(bytes).toString('base64');
    const headers = { 'Content-Encoding': encoding };
    return withPlainBody(requestOf(httpEvent({ body, isBase64Encoded: true, headers })));
  };

  it('has its gzip undone, and any other encoding refused', async () => {
    expect(Buffer.from((await encoded(gzipSync('hello'), 'gzip')).body).toString()).toBe('hello');
    await expect(encoded(Buffer.from('no gzip'), 'gzip')).rejects.toMatchObject({ status: 400 });
    await expect(encoded(gzipSync(new Uint8Array(20_000_000)), 'gzip')).rejects.toMatchObject({
      status: 413,
    });
    await expect(encoded(Buffer.from('hello'), 'br')).rejects.toMatchObject({ status: 415 });
  });

  it('has its cookies apart from its headers', () => {
    expect(requestOf(httpEvent({ cookies: ['a=1', 'b=2'] })).headers.cookie).toBe('a=1; b=2');
  });

  it.each([
    ['$default', '/topics', '/topics', 'https://api.example'],
    ['prod', '/prod/topics', '/topics', 'https://api.example/prod'],
    ['prod', '/prod', '/', 'https://api.example/prod'],
    ['prod', '/products', '/products', 'https://api.example/prod'],
  ])('of stage %s and path %s asks for %s', (stage, path, expected, baseUrl) => {
    expect(requestOf(httpEvent({ stage, path }))).toMatchObject({ path: expected, baseUrl });
  });

  it('has a decoded path, which is encoded again, segment by segment', () => {
    const { path } = requestOf(httpEvent({ path: '/topics/a b?c#d%zz/configs:alter' }));
    expect(path).toBe('/topics/a%20b%3Fc%23d%25zz/configs%3Aalter');
    expect(path.split('/').map(decodeURIComponent).join('/')).toBe('/topics/a b?c#d%zz/configs:alter');
  });

  it('survives half a character in its path', () => {
    expect(() => requestOf(httpEvent({ path: '/topics/\ud800' }))).not.toThrow();
  });

  it.each([
    ['IAM', { iam: { userArn: 'arn:aws:iam::1:user/u' } }, 'arn:aws:iam::1:user/u'],
    ['a token', { jwt: { claims: { sub: 'somebody' }, scopes: null } }, 'somebody'],
    ['a token without subject', { jwt: { claims: {} } }, undefined],
    ['nobody', undefined, undefined],
  ])('authorized by %s names its principal', (_, authorizer, principal) => {
    const event = httpEvent({});
    const authorized = { ...event, requestContext: { ...event.requestContext, authorizer } };
    expect(requestOf(authorized as unknown as APIGatewayProxyEventV2).principal).toBe(principal);
  });
});

describe('a response', () => {
  it('of text stays text', () => {
    expect(resultOf({ status: 201, headers: { Location: '/x' }, body: 'ä' })).toEqual({
      statusCode: 201,
      headers: { Location: '/x' },
      body: 'ä',
    });
  });

  it('of bytes travels as base64, the part that is looked at alone', () => {
    const body = Uint8Array.of(9, 9, 0, 255, 9).subarray(2, 4);
    expect(resultOf({ status: 200, headers: {}, body })).toEqual({
      statusCode: 200,
      headers: {},
      body: 'AP8=',
      isBase64Encoded: true,
    });
  });
});
