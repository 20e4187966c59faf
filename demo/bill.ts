import type { Traffic } from './traffic.ts';

/**
 * us-east-1, in dollars, on demand: https://aws.amazon.com/api-gateway/pricing/, https://aws.amazon.com/lambda/pricing/,
 * https://aws.amazon.com/kinesis/data-streams/pricing/, https://aws.amazon.com/msk/pricing/, https://aws.amazon.com/cloudwatch/pricing/
 */
const PRICES = {
  gatewayUnit: 1e-6,
  functionCall: 0.2e-6,
  /** arm64. */
  functionGbSecond: 13.3e-6,
  alarmMonth: 0.1,
  kinesis: { gbIn: 0.08, gbOut: 0.04, streamHour: 0.04 },
  msk: { gbIn: 0.1, month: 547 },
} as const;

/** What the CDK stack gives the produce and fetch functions. */
export const FUNCTION_MEMORY_MB = 1_024;
const HOURS_PER_MONTH = 730;
/** The stack's schedule wakes the maintenance function every hour, and one alarm watches it. */
export const MAINTENANCE: { readonly memoryMb: number; readonly ms: number } = { memoryMb: 2_048, ms: 1_000 };
const KINESIS_UNIT_BYTES = 1_024;
const GIB = 2 ** 30;

export interface Bill {
  readonly storage: number;
  readonly gateway: number;
  readonly functions: number;
  readonly total: number;
}

/** What these requests cost on AWS, in dollars. */
export function billOf(traffic: Traffic): Bill {
  const gateway = traffic.gatewayUnits * PRICES.gatewayUnit;
  const { calls, functionMs: ms } = traffic;
  const functions = functionDollars({ calls, ms, memoryMb: FUNCTION_MEMORY_MB });
  const storage = traffic.storageDollars;
  return { storage, gateway, functions, total: storage + gateway + functions };
}

/** What the stack costs in a month in which nobody uses it, beside what is stored. */
export function idleMonth(): number {
  const { memoryMb, ms } = MAINTENANCE;
  return HOURS_PER_MONTH * functionDollars({ calls: 1, ms, memoryMb }) + PRICES.alarmMonth;
}

function functionDollars(used: {
  readonly calls: number;
  readonly ms: number;
  readonly memoryMb: number;
}): number {
  const gbSeconds = (used.ms / 1_000) * (used.memoryMb / 1_024);
  return used.calls * PRICES.functionCall + gbSeconds * PRICES.functionGbSecond;
}

/** In dollars: for the data in and out once, whatever the time, and for a month of being there. */
export interface Elsewhere {
  readonly in: number;
  readonly out: number;
  readonly idle: number;
}

/**
 * What the same records cost where others run the log. Kinesis rounds every record up to 1 KB on its way in; none of
 * these is larger.
 */
export function elsewhere(data: { readonly recordCount: number; readonly bytes: number }): {
  readonly kinesis: Elsewhere;
  readonly msk: Elsewhere;
} {
  const { kinesis, msk } = PRICES;
  const gb = data.bytes / GIB;
  const roundedGb = (data.recordCount * KINESIS_UNIT_BYTES) / GIB;
  return {
    kinesis: {
      in: roundedGb * kinesis.gbIn,
      out: gb * kinesis.gbOut,
      idle: kinesis.streamHour * HOURS_PER_MONTH,
    },
    msk: { in: gb * msk.gbIn, out: 0, idle: msk.month },
  };
}
