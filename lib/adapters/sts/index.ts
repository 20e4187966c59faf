export { type AssumedRoleOptions, assumedRole, stsClient } from './assumed-role.ts';
