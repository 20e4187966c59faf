/**
 * What AWS bills beside DynamoDB's and S3's requests, in dollars, us-east-1, without any free tier. Sources:
 * https://aws.amazon.com/lambda/pricing/ (arm64), /api-gateway/pricing/ (HTTP APIs), /sqs/pricing/, /cloudwatch/pricing/,
 * /eventbridge/pricing/, /xray/pricing/, /dynamodb/pricing/on-demand/, /s3/pricing/.
 */
export const AWS_PRICES = {
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 13.3334e-6,
  /** Up to 512 KB. */
  apiRequest: 1e-6,
  sqsRequest: 0.4e-6,
  /** A month. */
  alarm: 0.1,
  event: 1e-6,
  trace: 5e-6,
  logGb: 0.5,
  tableGbMonth: 0.25,
  objectGbMonth: 0.023,
  /** Between two regions, out of the source. */
  regionGb: 0.02,
} as const;

export const HOURS_PER_MONTH = 730;

/** One call of a function. */
export function lambdaDollars(call: { readonly ms: number; readonly memoryMb: number }): number {
  const gbSeconds = (call.ms / 1_000) * (call.memoryMb / 1_024);
  return AWS_PRICES.lambdaRequest + gbSeconds * AWS_PRICES.lambdaGbSecond;
}
