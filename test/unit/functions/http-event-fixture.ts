import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';

export interface EventOptions {
  readonly method?: string;
  /** Percent-decoded, stage included, as API Gateway hands it over. */
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  readonly stage?: string;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** An event as an HTTP API sends it, payload format 2.0. */
export function httpEvent(options: EventOptions): APIGatewayProxyEventV2 {
  const { method = 'GET', path = '/', query = '', headers = {}, cookies, stage = '$default', body } = options;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { ...headers },
    ...(cookies === undefined ? {} : { cookies: [...cookies] }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: 'api.example',
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: 'request',
      routeKey: '$default',
      stage,
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: 1_767_225_600_000,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: options.isBase64Encoded ?? false,
  };
}

/** The context of an invocation that has this much time left, however long it takes to ask. */
export function lambdaContext(remainingMs: number): Context {
  return {
    awsRequestId: 'request',
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'function',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:function',
    logGroupName: 'group',
    logStreamName: 'stream',
    memoryLimitInMB: '1024',
    getRemainingTimeInMillis: () => remainingMs,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}
