import type { FaultRules } from '../aws/faults.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; what is not listed goes by its status. */
export const S3_FAULT_RULES: FaultRules = {
  // 503 is "Slow Down" or "Service Unavailable", with and without a body that says so: reduce the rate.
  throttledStatuses: [429, 503],
  names: {
    RequestLimitExceeded: 'throttled',
    SlowDown: 'throttled',
    Throttling: 'throttled',
    ThrottlingException: 'throttled',
    // Another request for the same key was under way; S3 asks for the same request again.
    ConditionalRequestConflict: 'throttled',
    OperationAborted: 'throttled',
    // The body was damaged or cut off on its way; S3 stored nothing.
    BadDigest: 'interrupted',
    IncompleteBody: 'interrupted',
    RequestTimeout: 'interrupted',
    XAmzContentChecksumMismatch: 'interrupted',
    XAmzContentSHA256Mismatch: 'interrupted',
    EntityTooLarge: 'full',
    InvalidRange: 'damaged',
  },
};
