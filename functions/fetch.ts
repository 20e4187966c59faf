import { FETCH_ROUTES } from '../lib/http/function-routes/fetch.ts';
import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';

export const handler: HttpFunction = logFunction({
  service: 'fetch',
  routes: FETCH_ROUTES,
  mayInitialize: false,
});
