export { type S3BucketOptions, s3Bucket } from './bucket.ts';
export { type S3ClientOptions, s3Client } from './client.ts';
