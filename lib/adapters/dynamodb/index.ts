export { type DynamoTablesOptions, dynamoClient, dynamoTables } from './tables.ts';
