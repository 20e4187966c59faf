import { NodeHttpHandler } from '@smithy/node-http-handler';

export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration?: Date;
}

/** Either what never changes, or what is asked for again when it expires. */
export type ConnectionCredentials =
  | { readonly accessKeyId: string; readonly secretAccessKey: string }
  | (() => Promise<TemporaryCredentials>);

export interface ConnectionOptions {
  readonly region: string;
  /** For emulators. Default: the region's own. */
  readonly endpoint?: string;
  readonly credentials?: ConnectionCredentials;
  /** How long the making of a connection may take. Default 1,000. */
  readonly connectMsMax?: number;
  /** Connections per client. Default 256: requests queue behind them with the signature already made. */
  readonly connectionsMax?: number;
}

/** What `ConnectionOptions` are to an SDK client. */
export interface ConnectionConfig {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: ConnectionCredentials;
  readonly maxAttempts: 1;
  readonly disableClockSkewCorrection: false;
  readonly requestHandler: NodeHttpHandler;
}

/**
 * Settings that the adapters rely on: no retries below them (⚑ each attempt passes the fence and is accounted for),
 * the SDK's clock correction on whatever the environment says, connections kept alive.
 */
export function connectionConfig(options: ConnectionOptions): ConnectionConfig {
  const { connectMsMax = 1_000, connectionsMax = 256 } = options;
  const agent = { keepAlive: true, maxSockets: connectionsMax };
  return {
    region: options.region,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    maxAttempts: 1,
    disableClockSkewCorrection: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectMsMax,
      httpAgent: agent,
      httpsAgent: agent,
    }),
  };
}
