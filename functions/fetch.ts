import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';

export const handler: HttpFunction = logFunction({
  service: 'fetch',
  groups: ['fetch'],
  mayInitialize: false,
});
