import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';

export interface Issuer {
  readonly url: string;
  readonly keyId: string;
  readonly privateKey: JWK;
  readonly publicKey: JWK;
  readonly close: () => Promise<void>;
}

/** A token issuer on this machine: an OpenID configuration and one key, as API Gateway looks them up. */
export async function startIssuer(): Promise<Issuer> {
  const keyId = 'test-key';
  const pair = await generateKeyPair('RS256', { extractable: true });
  const publicKey: JWK = { ...(await exportJWK(pair.publicKey)), kid: keyId, alg: 'RS256', use: 'sig' };
  const privateKey = await exportJWK(pair.privateKey);

  const documents = new Map<string, () => object>([
    ['/.well-known/openid-configuration', () => ({ issuer: url, jwks_uri: `${url}/.well-known/jwks.json` })],
    ['/.well-known/jwks.json', () => ({ keys: [publicKey] })],
  ]);
  const server = createServer((request, response) => {
    const document = documents.get(request.url ?? '');
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document?.() ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    keyId,
    privateKey,
    publicKey,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
