export { type CancelReason, TransactionCancelledError } from './cancelled.ts';
export { turnExpiryOn } from './expiry.ts';
export { type DynamoTablesOptions, dynamoClient, dynamoTables } from './tables.ts';
export {
  type DynamoAttempts,
  type DynamoTransactions,
  type DynamoTransactionsOptions,
  dynamoTransactions,
} from './transactions.ts';
