/** What requests of one direction came to. */
export interface Traffic {
  /** Every attempt. */
  readonly calls: number;
  readonly retries: number;
  /** API Gateway bills a call for every 512 KB begun; of what goes in and comes out together. */
  readonly gatewayUnits: number;
  readonly functionMs: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly s3Requests: number;
  /** DynamoDB and S3. */
  readonly storageDollars: number;
}

export interface TrafficCounter {
  readonly traffic: Traffic;
  /** `cost` is the answer's `X-Millrace-Cost`; null if there was no answer. */
  count(call: { readonly bytes: number; readonly cost: string | null; readonly isRetry: boolean }): void;
}

const GATEWAY_UNIT_BYTES = 512 * 1_024;
/** Assumed, and said so in the bill: what a function takes beside S3, and for a round of requests to S3. */
export const FUNCTION_MS = { call: 20, s3Round: 50, s3RequestsAtOnce: 4 } as const;

export function createTraffic(): TrafficCounter {
  const traffic: { -readonly [name in keyof Traffic]: Traffic[name] } = {
    calls: 0,
    retries: 0,
    gatewayUnits: 0,
    functionMs: 0,
    writeUnits: 0,
    readUnits: 0,
    s3Requests: 0,
    storageDollars: 0,
  };
  return {
    traffic,
    count: ({ bytes, cost, isRetry }) => {
      const receipt = readReceipt(cost);
      traffic.calls += 1;
      traffic.retries += isRetry ? 1 : 0;
      traffic.gatewayUnits += Math.max(1, Math.ceil(bytes / GATEWAY_UNIT_BYTES));
      const rounds = Math.ceil(receipt.s3Requests / FUNCTION_MS.s3RequestsAtOnce);
      traffic.functionMs += FUNCTION_MS.call + FUNCTION_MS.s3Round * rounds;
      traffic.writeUnits += receipt.writeUnits;
      traffic.readUnits += receipt.readUnits;
      traffic.s3Requests += receipt.s3Requests;
      traffic.storageDollars += receipt.dollars;
    },
  };
}

/** `write-units=1, read-units=0.5, s3-requests=0, dollars=0.0000006875`; a figure that is not there is 0. */
export function readReceipt(cost: string | null): {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly s3Requests: number;
  readonly dollars: number;
} {
  const figures = new Map(
    (cost ?? '').split(',').map((part) => part.trim().split('=', 2) as [string, string]),
  );
  const figure = (name: string): number => Number(figures.get(name) ?? 0);
  return {
    writeUnits: figure('write-units'),
    readUnits: figure('read-units'),
    s3Requests: figure('s3-requests'),
    dollars: figure('dollars'),
  };
}
