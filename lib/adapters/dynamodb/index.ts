export { turnExpiryOn } from './expiry.ts';
export { type DynamoTablesOptions, dynamoClient, dynamoTables } from './tables.ts';
