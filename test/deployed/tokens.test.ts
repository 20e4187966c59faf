import { type CryptoKey, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { deployed } from './support/deployed.ts';
import { type Client, type ClientResponse, httpClient } from './support/http-client.ts';

const { ca, jwt } = deployed();

interface TokenOptions {
  readonly issuer?: string;
  readonly audience?: string;
  readonly expiresInSeconds?: number;
  readonly key?: CryptoKey | Uint8Array;
}

let issuersKey: CryptoKey | Uint8Array;
beforeAll(async () => {
  issuersKey = await importJWK(jwt.privateKey, 'RS256');
});

async function token(options: TokenOptions = {}): Promise<string> {
  const { issuer = jwt.issuer, audience = jwt.audience, expiresInSeconds = 600, key = issuersKey } = options;
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ scope: 'log' })
    .setProtectedHeader({ alg: 'RS256', kid: jwt.keyId })
    .setSubject('tester')
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now - 3_600)
    .setExpirationTime(now + expiresInSeconds)
    .sign(key);
}

const call = (authorization?: string): Promise<ClientResponse> => {
  const client: Client = httpClient({ url: jwt.stack.url, ca });
  const headers = authorization === undefined ? {} : { authorization };
  return client({ method: 'GET', path: '/v3/clusters', headers });
};

describe('callers with token authorization', () => {
  it('are served with a token of the issuer for the audience', async () => {
    expect((await call(`Bearer ${await token()}`)).status).toBe(200);
  });

  it('are refused without a token', async () => {
    expect((await call()).status).toBe(401);
  });

  it('are refused with something that is no token', async () => {
    expect((await call('Bearer nonsense')).status).toBe(401);
  });

  it('are refused with a token signed by another key, even under the name of the right one', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    expect((await call(`Bearer ${await token({ key: privateKey })}`)).status).toBe(401);
  });

  it('are refused with a token of another issuer', async () => {
    expect((await call(`Bearer ${await token({ issuer: 'https://elsewhere.example' })}`)).status).toBe(401);
  });

  it('are refused with a token for another audience', async () => {
    expect((await call(`Bearer ${await token({ audience: 'another-service' })}`)).status).toBe(401);
  });

  it('are refused with a token that has expired', async () => {
    expect((await call(`Bearer ${await token({ expiresInSeconds: -60 })}`)).status).toBe(401);
  });

  it('are refused with a token without a signature', async () => {
    const [, payload = ''] = (await token()).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none', kid: jwt.keyId })).toString('base64url');
    expect((await call(`Bearer ${header}.${payload}.`)).status).toBe(401);
  });

  it('are refused with a token signed with the public key as a shared secret', async () => {
    const publicKey = await exportJWK(await importJWK(jwt.publicKey, 'RS256'));
    const secret = new TextEncoder().encode(JSON.stringify(publicKey).padEnd(64, ' '));
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', kid: jwt.keyId })
      .setIssuer(jwt.issuer)
      .setAudience(jwt.audience)
      .setExpirationTime('10m')
      .sign(secret);
    expect((await call(`Bearer ${forged}`)).status).toBe(401);
  });
});
