import { loadOpenApi } from '../lib/http/load-openapi.ts';
import { routesOf } from '../lib/http/mount.ts';
import { ALL_ROUTES } from '../lib/http/routes.ts';
import { openMaintenance } from '../lib/maintenance.ts';
import type { HttpFunction } from './http-function.ts';
import { logFunction } from './log-function.ts';
import { managedRegion } from './managed-region.ts';

/**
 * Topics, configs, flows, the region as a whole, jobs on request, and whatever no route of the gateway names: paths with a colon (`records:batch`) or a trailing
 * slash may belong to any group.
 */
export const handler: HttpFunction = logFunction({
  service: 'admin',
  routes: routesOf(ALL_ROUTES, 'admin', 'produce', 'fetch'),
  mayInitialize: true,
  services: ({ parts, environment }) => ({
    maintenance: openMaintenance(parts, { leavesToExpiry: true }),
    openApi: loadOpenApi,
    ...managedRegion(parts, environment),
  }),
});
