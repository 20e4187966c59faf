import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { LogStorage } from './log-storage.ts';

/** What one function may do to one table. */
export interface TablePermission {
  readonly actions: readonly `dynamodb:${string}`[];
  /** Patterns (`*` as in IAM) that the partition key has to match. Absent: any partition key. */
  readonly leadingKeys?: readonly string[];
}

/** What one function may do to the bucket's objects. */
export interface BucketPermission {
  readonly actions: readonly `s3:${string}`[];
  /** Patterns of object keys. */
  readonly keys: readonly string[];
}

export interface Permissions {
  readonly hot: readonly TablePermission[];
  readonly catalog: readonly TablePermission[];
  readonly bucket: readonly BucketPermission[];
  /**
   * `s3:ListBucket`. Readers need it too: without it S3 answers 403 instead of 404 for an object that is not there
   * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), and the two could not be told apart.
   */
  readonly listBucket: boolean;
}

export type FunctionName =
  | 'produce'
  | 'fetch'
  | 'groups'
  | 'admin'
  | 'planner'
  | 'worker'
  | 'sweeper'
  | 'pusher'
  | 'replicator'
  | 'waker'
  | 'translator';

/** The partition keys under which a group, its members and its positions lie. */
const GROUP_KEYS = ['groups', 'group#*', 'offsets#*'] as const;

/** Reads records, and keeps the positions of groups: registers one that is not there, and ends members that are dead. */
const KEEPS_POSITIONS: Permissions = {
  hot: [{ actions: ['dynamodb:GetItem', 'dynamodb:Query'] }],
  catalog: [
    { actions: ['dynamodb:GetItem', 'dynamodb:Query'] },
    { actions: ['dynamodb:DeleteItem', 'dynamodb:PutItem'], leadingKeys: GROUP_KEYS },
  ],
  bucket: [{ actions: ['s3:GetObject'], keys: ['spill/*', 'segments/*'] }],
  listBucket: true,
};

/**
 * Least privilege as data, so that a test can hold every storage call of the engine against it. Nobody may scan or update
 * in place: no function's work needs it. Only who sweeps may delete an object.
 */
export const PERMISSIONS: Readonly<Record<FunctionName, Permissions>> = {
  produce: {
    hot: [{ actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'] }],
    catalog: [
      { actions: ['dynamodb:GetItem', 'dynamodb:Query'] },
      // All that a producer writes here: the memory of idempotency keys, the ids of producers, what is known of them.
      { actions: ['dynamodb:PutItem'], leadingKeys: ['attempt#*', 'producers', 'producers#*'] },
    ],
    // After an upload whose answer was lost, the function asks when the object was stored (HeadObject).
    bucket: [{ actions: ['s3:GetObject', 's3:PutObject'], keys: ['spill/*', 'producers/*'] }],
    listBucket: false,
  },
  fetch: {
    hot: [{ actions: ['dynamodb:GetItem', 'dynamodb:Query'] }],
    catalog: [{ actions: ['dynamodb:GetItem', 'dynamodb:Query'] }],
    bucket: [{ actions: ['s3:GetObject'], keys: ['spill/*', 'segments/*'] }],
    listBucket: true,
  },
  // It reads records for consumers, and writes what groups consist of, positions among it.
  groups: {
    hot: [{ actions: ['dynamodb:GetItem', 'dynamodb:Query'] }],
    catalog: [
      { actions: ['dynamodb:GetItem', 'dynamodb:Query'] },
      {
        actions: ['dynamodb:DeleteItem', 'dynamodb:PutItem'],
        leadingKeys: [...GROUP_KEYS, 'instances#*', 'forgotten'],
      },
    ],
    bucket: [{ actions: ['s3:GetObject'], keys: ['spill/*', 'segments/*'] }],
    listBucket: true,
  },
  // The default route ends here, so whatever the gateway's routes cannot express may be any group's request. And it runs
  // jobs on request, so it may also do what the workers and the sweep do.
  admin: {
    // A put here is a chunk, its later expiry, or the closed marker of a partition that is deleted or frozen; a delete is that
    // marker's.
    hot: [{ actions: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'] }],
    // Besides topics and idempotency keys it writes what lies under the keys of partitions.
    catalog: [{ actions: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'] }],
    bucket: [
      {
        actions: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
        keys: ['spill/*', 'segments/*', 'producers/*', 'sweep/*'],
      },
    ],
    listBucket: true,
  },
  // It only looks, and what it says goes to the queue.
  planner: {
    hot: [{ actions: ['dynamodb:Query'] }],
    catalog: [{ actions: ['dynamodb:Query'] }],
    bucket: [],
    listBucket: false,
  },
  worker: {
    // A put here pushes out the expiry of what is not sealed yet.
    hot: [{ actions: ['dynamodb:PutItem', 'dynamodb:Query'] }],
    // A delete is that of a segment's item below the log start; what lay in it is left to the sweep.
    catalog: [{ actions: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'] }],
    bucket: [
      { actions: ['s3:GetObject'], keys: ['spill/*', 'segments/*', 'producers/*'] },
      // Before it seals what producers have sent, it notes down what is known of them.
      { actions: ['s3:PutObject'], keys: ['segments/*', 'producers/*'] },
    ],
    listBucket: true,
  },
  // Of the functions on a schedule the only one that may delete objects, and what deleted topics have left in the tables.
  sweeper: {
    // A put is the closed marker of a deletion that was cut off.
    hot: [{ actions: ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'] }],
    catalog: [
      { actions: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:Query'] },
      {
        actions: ['dynamodb:PutItem'],
        // It puts groups without members whose sessions are over, and the mark of a group that is gone.
        leadingKeys: ['topics', 'deleted', 'maintenance', 'group#*', 'forgotten'],
      },
    ],
    bucket: [
      { actions: ['s3:DeleteObject'], keys: ['spill/*', 'segments/*', 'producers/*', 'sweep/*'] },
      // What one run notes down for the next.
      { actions: ['s3:GetObject', 's3:PutObject'], keys: ['sweep/*'] },
    ],
    listBucket: true,
  },
  // A member of a group, like any other. What it may call besides is one function, and one queue.
  pusher: KEEPS_POSITIONS,
  // What it reads of other regions it reads under their roles.
  replicator: {
    // It looks whether the tables are DynamoDB's global tables, with which it will have nothing to do.
    hot: [{ actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'] }],
    catalog: [
      { actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query'] },
      {
        // Remote topics and where they begin, what flows have noted, what is known of producers, positions of groups; and the
        // cluster id of a region in which nobody has created anything.
        actions: ['dynamodb:PutItem'],
        leadingKeys: ['cluster', 'topics', '*:*', 'flows', 'producers#*', ...GROUP_KEYS],
      },
      // Of groups: members whose sessions are over, who would keep positions from being carried over.
      { actions: ['dynamodb:DeleteItem'], leadingKeys: ['flows', 'group#*'] },
    ],
    bucket: [
      { actions: ['s3:GetObject'], keys: ['spill/*', 'segments/*', 'producers/*'] },
      { actions: ['s3:PutObject'], keys: ['spill/*', 'producers/*'] },
    ],
    listBucket: true,
  },
  // It moves positions here, also to a time, and reads those of other regions under their roles.
  translator: KEEPS_POSITIONS,
  // It is told that there is something new, and reads nothing.
  waker: { hot: [], catalog: [], bucket: [], listBucket: false },
};

/** What the regions that copy this one may do here: read. */
export const SOURCE_PERMISSIONS: Permissions = {
  hot: [{ actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query'] }],
  catalog: [{ actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query'] }],
  bucket: [{ actions: ['s3:GetObject'], keys: ['spill/*', 'segments/*', 'producers/*'] }],
  listBucket: true,
};

/** Grants `permissions` on `storage`, each statement restricted to what it names. */
export function grantPermissions(storage: LogStorage, grantee: IGrantable, permissions: Permissions): void {
  for (const permission of permissions.hot) grantTable(storage.hot, grantee, permission);
  for (const permission of permissions.catalog) grantTable(storage.catalog, grantee, permission);
  for (const { actions, keys } of permissions.bucket) {
    grant(
      grantee,
      actions,
      keys.map((key) => storage.bucket.arnForObjects(key)),
    );
  }
  if (permissions.listBucket) grant(grantee, ['s3:ListBucket'], [storage.bucket.bucketArn]);
}

function grantTable(table: Table, grantee: IGrantable, { actions, leadingKeys }: TablePermission): void {
  // ForAllValues holds for a request without keys too, but every action in the table above names its partition key.
  const conditions =
    leadingKeys === undefined
      ? undefined
      : { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...leadingKeys] } };
  grant(grantee, actions, [table.tableArn], conditions);
}

function grant(
  grantee: IGrantable,
  actions: readonly string[],
  resourceArns: readonly string[],
  conditions?: Record<string, Record<string, unknown>>,
): void {
  Grant.addToPrincipal({
    grantee,
    actions: [...actions],
    resourceArns: [...resourceArns],
    ...(conditions === undefined ? {} : { conditions }),
  }).assertSuccess();
}
