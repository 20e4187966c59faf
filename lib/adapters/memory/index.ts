export { memoryBucket } from './bucket.ts';
export { memoryTable } from './table.ts';
