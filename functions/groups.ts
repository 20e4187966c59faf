import { GROUP_ROUTES } from '../lib/http/function-routes/groups.ts';
import { openGroups } from '../lib/open-groups.ts';
import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';

/** Consumers and their groups: the only HTTP function whose role may write what a group consists of. */
export const handler: HttpFunction = logFunction({
  service: 'groups',
  routes: GROUP_ROUTES,
  mayInitialize: false,
  services: ({ parts, log }) => ({ groups: openGroups(parts, log) }),
});
