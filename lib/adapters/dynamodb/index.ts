export { type CancelReason, TransactionCancelledError } from './cancelled.ts';
export { turnExpiryOn } from './expiry.ts';
export { refuseReplicas, type TableDescriber } from './replicas.ts';
export { INLINE_BYTES_BREAK_EVEN } from './table.ts';
export { type DynamoTablesOptions, dynamoClient, dynamoTables } from './tables.ts';
export {
  type DynamoAttempts,
  type DynamoTransactions,
  type DynamoTransactionsOptions,
  dynamoTransactions,
} from './transactions.ts';
