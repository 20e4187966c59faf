export { type DirectoryBucketOptions, openDirectoryBucket } from './bucket.ts';
