import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';

export const handler: HttpFunction = logFunction({
  service: 'produce',
  groups: ['produce'],
  mayInitialize: false,
});
