import { PRODUCE_ROUTES } from '../lib/http/function-routes/produce.ts';
import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';

export const handler: HttpFunction = logFunction({
  service: 'produce',
  routes: PRODUCE_ROUTES,
  mayInitialize: false,
});
