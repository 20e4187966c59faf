import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export interface LogStorageProps {
  /** Whether what is new in the tables can call a function. A table may get its stream later. @default false */
  readonly hasStream?: boolean;
}

/**
 * Everything that holds data: two tables and a bucket. All three are kept when the stack is deleted, and the ids of
 * the constructs in here are a contract: another path in the tree would be another table, and an empty log.
 *
 * `Table` and not `TableV2`: it is one region's table. Global replicas judge conditions in each region alone, which
 * would break the append's compare-and-set chain.
 */
export class LogStorage extends Construct {
  /** Chunks: `pk` = topic id and partition, `sk` = base offset. Items expire by `x`. */
  readonly hot: Table;
  /** Topics, segments and all other metadata: string sort key. Items expire by `x`. */
  readonly catalog: Table;
  /** Spilled chunks under `spill/`, sealed segments under `segments/`. */
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { hasStream = false }: LogStorageProps = {}) {
    super(scope, id);
    // What is told to others is that there is something new, not what it is.
    const stream = hasStream ? { stream: StreamViewType.KEYS_ONLY } : {};
    this.hot = this.#table('Hot', { sortKey: AttributeType.NUMBER, ...stream });
    this.catalog = this.#table('Catalog', { sortKey: AttributeType.STRING, ...stream });
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [{ id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
  }

  #table(
    id: string,
    { sortKey, ...stream }: { readonly sortKey: AttributeType; readonly stream?: StreamViewType },
  ): Table {
    return new Table(this, id, {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: sortKey },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'x',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...stream,
    });
  }
}
